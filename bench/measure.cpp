#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <latch>
#include <mutex>
#include <thread>

namespace omni::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Threads that fail pass their exception on to the caller.
double rate(const Side& side, double window_s) {
  std::latch start(side.workers);
  std::mutex mutex;
  double sum = 0;
  std::exception_ptr failure;
  const auto work = [&](int worker) {
    start.arrive_and_wait();
    try {
      const auto begin = Clock::now();
      double spent = 0;
      int64_t count = 0;
      while (spent < window_s) {
        side.once(worker);
        ++count;
        spent = std::chrono::duration<double>(Clock::now() - begin).count();
      }
      const std::lock_guard lock(mutex);
      sum += static_cast<double>(count) / spent;
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int w = 1; w < side.workers; ++w) others.emplace_back(work, w);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
  return sum;
}

}  // namespace

Rates alternate(std::span<const Side> sides, int repetitions, double window_s, double warm_up_s) {
  for (const Side& s : sides) rate(s, warm_up_s);
  Rates rates(sides.size());
  for (int r = 0; r < repetitions; ++r)
    for (size_t s = 0; s < sides.size(); ++s) rates[s].push_back(rate(sides[s], window_s));
  return rates;
}

size_t fastest(std::span<const Side> sides, double window_s) {
  std::vector<double> best(sides.size());
  for (int pass = 0; pass < 3; ++pass)  // the first warms up
    for (size_t s = 0; s < sides.size(); ++s) {
      const double r = rate(sides[s], window_s);
      if (pass > 0) best[s] = std::max(best[s], r);
    }
  return std::ranges::max_element(best) - best.begin();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::vector<double> quotients(std::span<const double> a, std::span<const double> b,
                              double factor) {
  std::vector<double> q;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) q.push_back(factor * a[i] / b[i]);
  return q;
}

}  // namespace omni::bench
