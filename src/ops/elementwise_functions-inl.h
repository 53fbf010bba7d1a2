// Functions of vectors that entries of elementwise_table.h are made of. Errors are tested against
// double precision over whole ranges (elementwise_cpu_test.cpp); Highway's own exp and log neither
// keep NaN nor overflow to infinity. Compiled once per instruction set.
#if defined(OMNI_OPS_ELEMENTWISE_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OMNI_OPS_ELEMENTWISE_FUNCTIONS_INL_H_
#undef OMNI_OPS_ELEMENTWISE_FUNCTIONS_INL_H_
#else
#define OMNI_OPS_ELEMENTWISE_FUNCTIONS_INL_H_
#endif

#include <hwy/highway.h>

#include "ops/elementwise_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace omni::block {
namespace HWY_NAMESPACE {

template <class M>
HWY_INLINE V one_if(M m) {
  return hn::IfThenElseZero(m, set(1));
}

using I = hn::RebindToSigned<D>;

constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // their sum is log(2)

HWY_INLINE V keep_nan(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

// c[0] + c[1] x + ... by Horner's rule.
template <size_t kCount>
HWY_INLINE V polynomial(const float (&c)[kCount], V x) {
  V y = set(c[kCount - 1]);
  for (size_t i = kCount - 1; i-- > 0;) y = hn::MulAdd(y, x, set(c[i]));
  return y;
}

// 2^k for whole k in [-126, 127].
HWY_INLINE V power_of_two(hn::Vec<I> k) {
  return hn::BitCast(D(), hn::ShiftLeft<23>(hn::Add(k, hn::Set(I(), 127))));
}

// x = k log(2) + r with |r| <= log(2) / 2; returns exp(r) - 1 by its Taylor series (the first term
// left out is below 6e-9).
HWY_INLINE V reduced_expm1(V x, V& k) {
  k = hn::Round(hn::Mul(x, set(0x1.715476p0f)));  // 1 / log(2)
  const V r = hn::NegMulAdd(k, set(kLn2Low), hn::NegMulAdd(k, set(kLn2High), x));
  static constexpr float kTaylor[] = {1.0f / 2,   1.0f / 6,   1.0f / 24,
                                      1.0f / 120, 1.0f / 720, 1.0f / 5040};
  return hn::MulAdd(hn::Mul(r, r), polynomial(kTaylor, r), r);
}

HWY_INLINE V exp_of(V x) {
  const V inside = hn::Min(hn::Max(x, set(-105)), set(89));  // beyond: 0 and infinity
  V k;
  const V y = hn::Add(reduced_expm1(inside, k), set(1));
  const auto whole = hn::ConvertTo(I(), k);  // in two factors, as 2^-151 and 2^128 are no floats
  const auto half = hn::ShiftRight<1>(whole);
  const V scaled = hn::Mul(hn::Mul(y, power_of_two(half)), power_of_two(hn::Sub(whole, half)));
  return keep_nan(x, scaled);
}

// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); with s = f / (2 + f),
// log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...) = f - (f^2/2 - s (f^2/2 + 2 (s^2/3 + s^4/5 + ...))).
HWY_INLINE V log_of(V x) {
  const I i;
  const auto tiny = hn::Lt(x, set(0x1p-126f));
  const V normal = hn::IfThenElse(tiny, hn::Mul(x, set(0x1p25f)), x);
  const auto bits = hn::BitCast(i, normal);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(i, 0x3f3504f3)));  // sqrt(1/2)
  const V f = hn::Sub(hn::BitCast(D(), hn::Sub(bits, hn::ShiftLeft<23>(exponent))), set(1));
  const V k = hn::Sub(hn::ConvertTo(D(), exponent), hn::IfThenElseZero(tiny, set(25)));
  const V s = hn::Div(f, hn::Add(f, set(2)));
  const V z = hn::Mul(s, s), half = hn::Mul(hn::Mul(f, f), set(0.5f));
  static constexpr float kSeries[] = {2.0f / 3, 2.0f / 5, 2.0f / 7, 2.0f / 9};
  const V rest = hn::Mul(s, hn::MulAdd(z, polynomial(kSeries, z), half));
  const V low = hn::MulAdd(k, set(kLn2Low), rest);
  const V y = hn::MulAdd(k, set(kLn2High), hn::Sub(f, hn::Sub(half, low)));
  const V infinity = hn::Inf(D());
  const V positive = hn::IfThenElse(hn::Lt(x, infinity), y, x);  // infinity and NaN stay
  const V not_above = hn::IfThenElse(hn::Lt(x, set(0)), hn::NaN(D()), hn::Neg(infinity));
  return hn::IfThenElse(hn::Le(x, set(0)), not_above, positive);
}

// log(u) with u = 1 + x as rounded, and to first order what the rounding took away.
HWY_INLINE V log1p_of(V x) {
  const V u = hn::Add(x, set(1));
  const V lost = hn::Sub(x, hn::Sub(u, set(1)));
  const auto ordinary = hn::And(hn::Gt(u, set(0)), hn::Lt(u, hn::Inf(D())));
  return hn::Add(log_of(u), hn::IfThenElseZero(ordinary, hn::Div(lost, u)));
}

// With E = exp(2 |x|) - 1: tanh = E / (E + 2), accurate near zero, too.
HWY_INLINE V tanh_of(V x) {
  const V twice = hn::Min(hn::Abs(hn::Add(x, x)), set(40));  // tanh(20) is 1
  V k;
  const V reduced = reduced_expm1(twice, k);
  const V scale = power_of_two(hn::ConvertTo(I(), k));
  const V e = hn::MulAdd(scale, reduced, hn::Sub(scale, set(1)));
  return keep_nan(x, hn::CopySign(hn::Div(e, hn::Add(e, set(2))), x));
}

HWY_INLINE V sigmoid_of(V x) { return hn::Div(set(1), hn::Add(set(1), exp_of(hn::Neg(x)))); }

// Below 1: x P(x^2). Above: 1 - exp(-Q(|x|)), Q = -log(erfc) on [1, 4]; erf(4) is 1. P and Q
// interpolate at Chebyshev's nodes; their errors are 1.3e-9 and 2e-8 before rounding.
HWY_INLINE V erf_of(V x) {
  static constexpr float kNear[] = {1.1283791658f, -0.37612626667f, 0.11283594715f, -0.026854212f,
                                    0.0051890874f, -0.00080168643f, 7.875875e-05f};
  static constexpr float kFar[] = {7.8068152727f,   5.3526806742f,   0.9438937036f,
                                   0.0108585416f,   -0.00216530355f, 0.00042012252f,
                                   -7.7291376e-05f, 1.33150144e-05f, -1.63715142e-06f};
  const V a = hn::Min(hn::Abs(x), set(4));
  const V near = hn::Mul(x, polynomial(kNear, hn::Mul(a, a)));
  const V far = hn::Sub(set(1), exp_of(hn::Neg(polynomial(kFar, hn::Sub(a, set(2.5f))))));
  return keep_nan(x, hn::IfThenElse(hn::Lt(a, set(1)), near, hn::CopySign(far, x)));
}

HWY_INLINE V half_and_half(V x, V y) {  // x (1 + y) / 2
  return hn::Mul(hn::Mul(x, set(0.5f)), hn::Add(y, set(1)));
}

// Rounded as a chain of ops would be: golden runs are older than this kernel. So it is NaN, as the
// chain was, where x^2 is infinite: beyond 1.84e19 of either sign.
HWY_INLINE V gelu_tanh_slope_of(V x) {
  const V scale = set(0.79788456f), squared = hn::Mul(x, x);
  const V t =
      tanh_of(hn::Mul(hn::Mul(x, scale), hn::Add(hn::Mul(squared, set(0.044715f)), set(1))));
  const V slope = hn::Mul(hn::Add(hn::Mul(squared, set(0.134145f)), set(1)), scale);
  const V bent = hn::Mul(hn::Mul(x, hn::Sub(set(1), hn::Mul(t, t))), slope);
  return hn::Mul(hn::Add(hn::Add(t, set(1)), bent), set(0.5f));
}

// The divider is what Adam's step waits for: with an exact square root a step takes 1.1 cycles per
// element, with this one 0.5 (AVX-512, Sapphire Rapids, blocks of 1024). Doing the same to the
// division gained 0.03 more.
HWY_INLINE V quick_root(V s) {
#if HWY_TARGET <= HWY_AVX3
  // Goldschmidt's iteration from a 14-bit estimate of 1 / sqrt(s). Zero and infinity are their own
  // roots, and the only numbers that equal their double.
  const V estimate = hn::ApproximateReciprocalSqrt(s);
  const V root = hn::Mul(s, estimate), half = hn::Mul(estimate, set(0.5f));
  const V refined = hn::MulAdd(root, hn::NegMulAdd(root, half, set(0.5f)), root);
  return hn::IfThenElse(hn::Eq(s, hn::Add(s, s)), s, refined);
#else
  return hn::Sqrt(s);  // older estimates have 12 bits and lose denormals
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace omni::block
HWY_AFTER_NAMESPACE();

#endif
