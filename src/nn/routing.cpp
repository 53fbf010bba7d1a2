#include "nn/routing.h"

#include <vector>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr double kSmallestVariance = 1e-12;  // where a unit is constant, 0 / this instead of 0 / 0

int64_t units_per_part(Value z, int64_t parts) {
  require(z.type().shape.rank() == 2, "parts of an encoding: expected [rows, units], got {}", z.type().shape);
  require(parts >= 1 && z.dim(1) % parts == 0, "{} units cannot be cut into {} equal parts",
          z.dim(1), parts);
  return z.dim(1) / parts;
}

}  // namespace

Value route_parts(Value z, Value weights) {
  require(weights.type().shape.rank() == 2 && weights.dim(0) == z.dim(0),
          "weights of parts: expected [{}, parts], got {}", z.dim(0), weights.type().shape);
  const int64_t rows = z.dim(0), parts = weights.dim(1), units = units_per_part(z, parts);
  const Value cut = reshape(z, {rows, parts, units});
  return reshape(route(cut, reshape(weights, {rows, parts, 1})), {rows, parts * units});
}

Value part_of(Value z, int64_t part, int64_t parts) {
  const int64_t units = units_per_part(z, parts);
  return slice(z, 1, part * units, (part + 1) * units);
}

Value cross_part_correlation(Value z, int64_t parts) {
  const int64_t units = units_per_part(z, parts);
  const auto rows = static_cast<double>(z.dim(0));
  require(rows >= 2 && parts >= 2, "correlation between parts needs two rows and two parts");
  const Value centred = z - mean(z, {0});
  const Value variance = reduce_sum(square(centred), {0}) * (1 / (rows - 1));
  const Value n = centred / sqrt(variance + kSmallestVariance);
  std::vector<Value> sums;  // of each part against all later ones
  for (int64_t p = 0; p + 1 < parts; ++p) {
    const Value later = slice(n, 1, (p + 1) * units, kToEnd);
    sums.push_back(sum(abs(matmul(part_of(n, p, parts), later, true, false) * (1 / rows))));
  }
  const auto pairs = static_cast<double>(units * units * parts * (parts - 1) / 2);
  return sum_n(sums) * (1 / pairs);
}

}  // namespace omni
