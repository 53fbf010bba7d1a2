// What normalisation means: shapes, batch axes, gradients and plain loops.
#include "ops/norm.h"

#include <cmath>

#include "cpu/op_plan.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"

namespace omni {
namespace {

Type layer_norm_type(std::span<const Type> in, const Attrs&) {
  const Type& x = in[0];
  require(is_float(x.dtype), "layer_norm: the input must be f32, got {}", x);
  require(x.shape.rank() >= 1 && x.shape.back() > 0, "layer_norm: nothing to normalise in {}", x);
  const Shape row{x.shape.back()};
  require(in[1].shape == row && in[2].shape == row && is_float(in[1].dtype) &&
              is_float(in[2].dtype),
          "layer_norm: {} wants gamma and beta of shape f32{}, got {} and {}", x, row, in[1],
          in[2]);
  const bool own_batch = in[1].batch != kNoBatch || in[2].batch != kNoBatch;
  const bool mixed = own_batch || x.batch == x.shape.rank() - 1;
  return {DType::f32, x.shape, mixed ? kMixedBatch : x.batch};
}

struct Normalised {
  Value x, rstd;  // (x - mean) / sqrt(variance + eps), [.., C], and the factor, [.., 1]
};

Normalised normalised(Value x, double eps) {
  const Value centred = x - mean(x, {-1}, true);
  const Value rstd = rsqrt(mean(square(centred), {-1}, true) + eps);
  return {centred * rstd, rstd};
}

// Statistics are computed again from x, in two reductions: cheaper than keeping them through the
// forward pass, whose rows have long left the cache. dx is rstd (g - mean(g) - n mean(g n)) with
// g = dy gamma and n the normalised x.
void layer_norm_grad(GradContext& c) {
  const Value gamma = c.x(1), dy = c.dy();
  const Normalised n = normalised(c.x(0), c.attrs().number("eps"));
  const Value g = dy * gamma;
  c.add(0, n.rstd * (g - mean(g, {-1}, true) - n.x * mean(g * n.x, {-1}, true)));
  c.add(1, sum_to(dy * n.x, gamma.shape()));
  c.add(2, sum_to(dy, gamma.shape()));
}

void layer_norm_reference(RefContext& c) {
  const RefArray& x = c.in(0);
  const int64_t n = x.type.shape.back();
  for (int64_t at = 0; at < x.type.count(); at += n) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; ++i) mean += x.v[at + i] / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i)
      variance += (x.v[at + i] - mean) * (x.v[at + i] - mean) / static_cast<double>(n);
    const double rstd = 1 / std::sqrt(variance + c.attrs().number("eps"));
    for (int64_t i = 0; i < n; ++i)
      c.out().v[at + i] = (x.v[at + i] - mean) * rstd * c.in(1).v[i] + c.in(2).v[i];
  }
}

}  // namespace

namespace ops {
void plan_layer_norm(cpu::Planner& p, int id);  // norm_cpu.cpp

const OpDef layer_norm = {.name = "layer_norm",
                          .arity = 3,
                          .type = layer_norm_type,
                          .grad = layer_norm_grad,
                          .reference = layer_norm_reference,
                          .cpu = &cpu::planned_by<plan_layer_norm>};
}  // namespace ops

Value layer_norm(Value x, Value gamma, Value beta, double eps) {
  return x.graph->add(ops::layer_norm, {x, gamma, beta}, {{"eps", eps}});
}

Value layer_norm_composed(Value x, Value gamma, Value beta, double eps) {
  return normalised(x, eps).x * gamma + beta;
}

Value rms_norm(Value x, Value gamma, double eps) {
  return x * rsqrt(mean(square(x), {-1}, true) + eps) * gamma;
}

}  // namespace omni
