#include "bench/peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace omni::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

double MultiplyAndAdd() {
  constexpr int kRounds = 4000;
  const hn::ScalableTag<float> d;
  using V = decltype(hn::Zero(d));
  // Ten chains hide the latency of two units and, with the two operands, fit 16 registers. Each
  // starts elsewhere, or the compiler would compute one for all.
  const V factor = hn::Set(d, 0.999f), term = hn::Set(d, 1e-4f);
  V a = hn::Set(d, 1), b = hn::Set(d, 2), c = hn::Set(d, 3), e = hn::Set(d, 4), f = hn::Set(d, 5);
  V g = hn::Set(d, 6), h = hn::Set(d, 7), i = hn::Set(d, 8), j = hn::Set(d, 9), k = hn::Set(d, 10);
  for (int round = 0; round < kRounds; ++round) {
    a = hn::MulAdd(a, factor, term), b = hn::MulAdd(b, factor, term);
    c = hn::MulAdd(c, factor, term), e = hn::MulAdd(e, factor, term);
    f = hn::MulAdd(f, factor, term), g = hn::MulAdd(g, factor, term);
    h = hn::MulAdd(h, factor, term), i = hn::MulAdd(i, factor, term);
    j = hn::MulAdd(j, factor, term), k = hn::MulAdd(k, factor, term);
  }
  const V sum = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)),
                        hn::Add(hn::Add(hn::Add(f, g), hn::Add(h, i)), hn::Add(j, k)));
  [[maybe_unused]] volatile float sink;  // or nothing would be computed
  sink = hn::GetLane(sum);
  return 2.0 * 10 * kRounds * static_cast<double>(hn::Lanes(d));
}

}  // namespace omni::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni::bench {

HWY_EXPORT(MultiplyAndAdd);
double multiply_and_add() { return HWY_DYNAMIC_DISPATCH(MultiplyAndAdd)(); }

}  // namespace omni::bench
#endif
