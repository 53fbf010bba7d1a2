// Rates measured side by side: what is compared runs in turns, so that both sides meet the same
// machine.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace omni::bench {

// Something that is done again and again by `workers` threads at once.
struct Side {
  int workers = 1;
  std::function<void(int worker)> once;
};

// How often per second all workers together did it: one row per side, one entry per repetition.
// Sides take turns (A B A B ..); each is run for `warm_up_s` first, which is not counted.
using Rates = std::vector<std::vector<double>>;
Rates alternate(std::span<const Side> sides, int repetitions, double window_s, double warm_up_s);

// Which side is fastest, by two short windows each.
size_t fastest(std::span<const Side> sides, double window_s);

double median(std::vector<double> values);
std::vector<double> quotients(std::span<const double> a, std::span<const double> b,
                              double factor = 1);  // of each quotient

}  // namespace omni::bench
