#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"

namespace omni::cli {
namespace {

// A handler may touch nothing but lock-free atomics and async-signal-safe calls.
std::atomic<bool> stop_asked{false};
std::atomic<int> caught{0};
std::atomic<bool> watching{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

struct sigaction old_int, old_term;

void on_signal(int number) {
  if (stop_asked.exchange(true)) _exit(128 + number);
  caught.store(number);
  constexpr char kText[] = "\nStopping after the step at hand; once more ends at once.\n";
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, kText, sizeof kText - 1);
}

}  // namespace

Interrupts::Interrupts() {
  check(!watching.exchange(true), "two Interrupts at once");
  stop_asked = false;
  caught = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &old_int, nullptr);
  sigaction(SIGTERM, &old_term, nullptr);
  watching = false;
}

const std::atomic<bool>& Interrupts::stop() const { return stop_asked; }

int Interrupts::exit_code() const {
  const int number = caught.load();
  return number == 0 ? 0 : 128 + number;
}

}  // namespace omni::cli
