// Ctrl-C and SIGTERM: the first asks the work to stop and keep what is finished, a second one ends
// the process at once. While there is nothing to keep, the first one does.
#pragma once

#include <atomic>

namespace omni::cli {

// Catches the two signals while it lives. One at a time.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // What a first signal does: ask (as at the beginning), or end the process at once.
  void ask() const;
  void end_at_once() const;

  const std::atomic<bool>& stop() const;
  int exit_code() const;  // 130 after SIGINT, 143 after SIGTERM, 0 while neither has come
};

// Thrown to leave work that has nothing to keep, such as a download.
struct Cancelled {
  int exit_code;
};

}  // namespace omni::cli
