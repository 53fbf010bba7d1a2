#include "studies/paths.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace omni {

std::vector<double> even_lambdas(int64_t points) {
  require(points >= 2, "a line needs at least its 2 ends, got {} points", points);
  std::vector<double> lambdas;
  for (int64_t i = 0; i < points; ++i)
    lambdas.push_back(static_cast<double>(i) / static_cast<double>(points - 1));
  return lambdas;
}

std::vector<double> along_line(ModelView a, ModelView b, std::span<const double> lambdas,
                               const std::function<double(const Ensemble&)>& value) {
  Ensemble between(a.ensemble->specs(), 1);
  std::vector<double> values;
  for (const double lambda : lambdas) {
    between.interpolate(0, a, b, lambda);
    values.push_back(value(between));
  }
  return values;
}

Barrier barrier(std::span<const double> lambdas, std::span<const double> errors) {
  check(lambdas.size() == errors.size(), "barrier: {} errors at {} points", errors.size(),
        lambdas.size());
  const auto at = [&](double lambda) {
    const auto found = std::ranges::find(lambdas, lambda);
    return found == lambdas.end() ? kNaN : errors[found - lambdas.begin()];
  };
  for (const double end : {0.0, 1.0})
    check(std::ranges::find(lambdas, end) != lambdas.end(), "barrier: the end {} is missing", end);
  const double ends = (at(0) + at(1)) / 2;
  if (!std::ranges::all_of(errors, [](double e) { return std::isfinite(e); })) return {};
  return {std::ranges::max(errors) - ends, at(0.5) - ends};
}

}  // namespace omni
