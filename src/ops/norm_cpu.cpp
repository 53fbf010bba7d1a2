// Layer normalisation on one core: three passes over a row while it is in L1.
#include <algorithm>
#include <cmath>

#include "cpu/planner.h"
#include "ops/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/norm_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace omni {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

const HWY_CAPPED(float, 16) d;
using V = hn::Vec<decltype(d)>;

// An element less the row's mean. The mean is kept as an element of the row plus a rest: a row far
// from zero loses no digits.
struct Centre {
  float first, rest;
  HWY_INLINE V operator()(V x) const {
    return hn::Sub(hn::Sub(x, hn::Set(d, first)), hn::Set(d, rest));
  }
  HWY_INLINE float operator()(float x) const { return x - first - rest; }
};

// The sum of centred elements, or of their squares.
template <bool kSquare>
HWY_INLINE float sum_row(const float* x, int64_t n, Centre centre) {
  const int64_t lanes = hn::Lanes(d);
  const auto add = [&](V sum, const float* at) {
    const V v = centre(hn::LoadU(d, at));
    return kSquare ? hn::MulAdd(v, v, sum) : hn::Add(sum, v);
  };
  V even = hn::Zero(d), odd = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    even = add(even, x + i);
    odd = add(odd, x + i + lanes);
  }
  for (; i + lanes <= n; i += lanes) even = add(even, x + i);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < n; ++i) {
    const float v = centre(x[i]);
    sum += kSquare ? v * v : v;
  }
  return sum;
}

void layer_norm_rows(const float* x, const float* gamma, const float* beta, float* out,
                     int64_t rows, int64_t n, float eps) {
  const int64_t lanes = hn::Lanes(d);
  const auto count = static_cast<float>(n);
  for (int64_t row = 0; row < rows; ++row, x += n, out += n) {
    Centre centre{x[0], 0};
    centre.rest = sum_row<false>(x, n, centre) / count;
    const float rstd = 1 / std::sqrt(sum_row<true>(x, n, centre) / count + eps);
    const V factor = hn::Set(d, rstd);
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const V v = hn::Mul(centre(hn::LoadU(d, x + i)), factor);
      hn::StoreU(hn::MulAdd(v, hn::LoadU(d, gamma + i), hn::LoadU(d, beta + i)), d, out + i);
    }
    for (; i < n; ++i) out[i] = centre(x[i]) * rstd * gamma[i] + beta[i];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni {
namespace {
HWY_EXPORT(layer_norm_rows);
}

namespace ops {

void plan_layer_norm(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto x = p.cell<const float>(n.in[0]), gamma = p.cell<const float>(n.in[1]);
  const auto beta = p.cell<const float>(n.in[2]);
  const auto out = p.cell<float>(id);
  const int64_t width = n.type.shape.back(), rows = n.type.count() / width;
  p.step(id, [=, eps = static_cast<float>(n.attrs.number("eps"))] {
    HWY_DYNAMIC_DISPATCH(layer_norm_rows)
    (x.get(), gamma.get(), beta.get(), out.get(), rows, width, eps);
  });
}

}  // namespace ops
}  // namespace omni
#endif
