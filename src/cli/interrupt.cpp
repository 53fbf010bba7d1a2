#include "cli/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

namespace omni::cli {
namespace {

// A handler may touch nothing but lock-free atomics and async-signal-safe calls.
std::atomic<bool> stop_asked{false};
std::atomic<int> caught{0};
std::atomic<bool> watching{false};
std::atomic<bool> asking{true};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

struct sigaction old_int, old_term;

// Programs such as timeout(1) send the same signal twice at once, to us and to our group: a second
// one counts as asked for only after this long.
constexpr int64_t kTogetherNs = 300'000'000;
std::atomic<int64_t> first_ns{0};
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

template <size_t n>
void write_text(const char (&text)[n]) {
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, text, n - 1);
}

void on_signal(int number) {
  if (!asking.load()) {
    write_text("\nStopped before the run began.\n");
    _exit(128 + number);
  }
  if (stop_asked.exchange(true)) {
    if (now_ns() - first_ns.load() > kTogetherNs) _exit(128 + number);
    return;
  }
  first_ns.store(now_ns());
  caught.store(number);
  write_text("\nStopping after the step at hand; once more ends at once.\n");
}

}  // namespace

Interrupts::Interrupts() {
  check(!watching.exchange(true), "two Interrupts at once");
  stop_asked = false;
  caught = 0;
  asking = true;
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

void Interrupts::ask() const { asking = true; }
void Interrupts::end_at_once() const { asking = false; }

const std::atomic<bool>& Interrupts::stop() const { return stop_asked; }

int Interrupts::exit_code() const {
  const int number = caught.load();
  return number == 0 ? 0 : 128 + number;
}

}  // namespace omni::cli
