#include "base/team.h"

#include <utility>

namespace omni {
namespace {

// About 20 us: shorter than a training step, longer than the gap between two steps.
constexpr int kSpins = 4000;

template <class T, class U>
void wait_while_equal(const std::atomic<T>& value, U old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(int size) {
  for (int i = 1; i < size; ++i) threads_.emplace_back([this, i] { work(i); });
}

Team::~Team() {
  ending_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Team::run(const std::function<void(int)>& f) {
  if (threads_.empty()) return f(0);
  job_ = &f;
  busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  attempt(0);
  for (int left = busy_.load(std::memory_order_acquire); left != 0;
       left = busy_.load(std::memory_order_acquire))
    wait_while_equal(busy_, left);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Team::attempt(int number) {
  try {
    (*job_)(number);
  } catch (...) {
    const std::lock_guard lock(failing_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void Team::work(int number) {
  for (uint32_t seen = 0;; ++seen) {
    wait_while_equal(round_, seen);
    if (ending_.load()) return;
    attempt(number);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

}  // namespace omni
