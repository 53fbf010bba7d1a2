// Straight lines through weight space: what lies between two models, and how high a barrier
// separates them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/statistics.h"
#include "nn/ensemble.h"

namespace omni {

// 0, ..., 1 in equal steps; at least 2 points. An odd number includes the middle.
std::vector<double> even_lambdas(int64_t points);

// A function of a model at (1 - lambda) a + lambda b for each lambda, which may lie outside [0, 1].
// The two may be of any ensembles with equal names and shapes; at 0 and 1 they are met to the bit.
std::vector<double> along_line(ModelView a, ModelView b, std::span<const double> lambdas,
                               const std::function<double(const Ensemble&)>& value);

// How far an error rises between two models, above the mean of their own (Frankle, Dziugaite, Roy &
// Carbin 2020, arXiv:1912.05671, who call `height` the linear interpolation instability and two
// models linearly connected where it is below 2 % of test error). The height is never negative.
struct Barrier {
  double height = kNaN;    // the largest error on the line minus the mean of both ends
  double midpoint = kNaN;  // the error half-way minus that mean; NaN unless it was measured
};
// Both 0 and 1 must be among the lambdas: Bug otherwise. NaN where an error is.
Barrier barrier(std::span<const double> lambdas, std::span<const double> errors);

}  // namespace omni
