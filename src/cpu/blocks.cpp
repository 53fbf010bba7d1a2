#include "cpu/blocks.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef OMNI_CPU_BLOCKS_ONCE
#define OMNI_CPU_BLOCKS_ONCE
namespace omni::cpu {
namespace {

// The conversions of one number, for what is left over after whole vectors.
inline float float_of_bf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

inline uint16_t bf16_of_float(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);  // quiet, or it could be inf
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

constexpr int16_t kLeastNormal = 0x0080, kInfinity = 0x7f80;  // bf16 words

inline int32_t int_of_float(float x) {
  if (std::isnan(x)) return 0;
  if (x >= 0x1p31f) return std::numeric_limits<int32_t>::max();
  if (x < -0x1p31f) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(x);
}

}  // namespace
}  // namespace omni::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace omni::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;
using U = hn::RebindToUnsigned<F>;
using I = hn::RebindToSigned<F>;

void LoadBf16(const uint16_t* in, float* out, int64_t n) {
  const F f;
  const U u;
  const hn::Rebind<uint16_t, F> half;
  const int64_t lanes = hn::Lanes(f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto bits = hn::ShiftLeft<16>(hn::PromoteTo(u, hn::LoadU(half, in + i)));
    hn::StoreU(hn::BitCast(f, bits), f, out + i);
  }
  for (; i < n; ++i) out[i] = float_of_bf16(in[i]);
}

// The rounded value's bits in the upper half; the lower half is not cleared.
template <class V>
HWY_INLINE hn::Vec<U> RoundedBits(V x) {
  const U u;
  const auto bits = hn::BitCast(u, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(u, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(u, 0x400000));
  return hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), quiet, rounded);
}

void StoreBf16(const float* in, uint16_t* out, int64_t n) {
  const F f;
  const hn::Rebind<uint16_t, F> half;
  const int64_t lanes = hn::Lanes(f);
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  // The upper halves of two vectors are the odd numbers of a vector of halves: a sixth faster than
  // narrowing each vector.
  const hn::Repartition<uint16_t, U> full;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto low = hn::BitCast(full, RoundedBits(hn::LoadU(f, in + i)));
    const auto high = hn::BitCast(full, RoundedBits(hn::LoadU(f, in + i + lanes)));
    hn::StoreU(hn::ConcatOdd(full, high, low), full, out + i);
  }
#endif
  for (; i + lanes <= n; i += lanes) {
    const auto bits = hn::ShiftRight<16>(RoundedBits(hn::LoadU(f, in + i)));
    hn::StoreU(hn::TruncateTo(half, bits), half, out + i);
  }
  for (; i < n; ++i) out[i] = bf16_of_float(in[i]);
}

void RoundBf16(const float* in, float* out, int64_t n) {
  const F f;
  const U u;
  const int64_t lanes = hn::Lanes(f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto bits = hn::And(RoundedBits(hn::LoadU(f, in + i)), hn::Set(u, 0xffff0000u));
    hn::StoreU(hn::BitCast(f, bits), f, out + i);
  }
  for (; i < n; ++i) out[i] = float_of_bf16(bf16_of_float(in[i]));
}

void LoadI32(const int32_t* in, float* out, int64_t n) {
  const F f;
  const I whole;
  const int64_t lanes = hn::Lanes(f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::ConvertTo(f, hn::LoadU(whole, in + i)), f, out + i);
  for (; i < n; ++i) out[i] = static_cast<float>(in[i]);
}

void StoreI32(const float* in, int32_t* out, int64_t n) {
  const F f;
  const I whole;
  const int64_t lanes = hn::Lanes(f);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::LoadU(f, in + i);
    const auto y = hn::ConvertTo(whole, hn::IfThenZeroElse(hn::IsNaN(x), x));  // saturates
    hn::StoreU(y, whole, out + i);
  }
  for (; i < n; ++i) out[i] = int_of_float(in[i]);
}

void ScaleU8(const uint8_t* in, float factor, float* out, int64_t n) {
  const F f;
  const I whole;
  const hn::Rebind<uint8_t, F> byte;
  const int64_t lanes = hn::Lanes(f);
  const auto k = hn::Set(f, factor);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::ConvertTo(f, hn::PromoteTo(whole, hn::LoadU(byte, in + i)));
    hn::StoreU(hn::Mul(x, k), f, out + i);
  }
  for (; i < n; ++i) out[i] = in[i] * factor;
}

void WherePositiveBf16(const uint16_t* gate, const uint16_t* in, uint16_t* out, int64_t n) {
  const hn::ScalableTag<uint16_t> words;
  const hn::RebindToSigned<decltype(words)> whole;
  const int64_t lanes = hn::Lanes(words);
  // As whole numbers, what is negative is below and NaN above.
  const auto below = hn::Set(whole, kLeastNormal - 1), above = hn::Set(whole, kInfinity + 1);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::BitCast(whole, hn::LoadU(words, gate + i));
    const auto chosen = hn::And(hn::Gt(x, below), hn::Lt(x, above));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(words, chosen), hn::LoadU(words, in + i)), words,
               out + i);
  }
  for (; i < n; ++i) out[i] = gate[i] >= kLeastNormal && gate[i] <= kInfinity ? in[i] : 0;
}

void Fill(float value, float* out, int64_t n) {
  const F f;
  const int64_t lanes = hn::Lanes(f);
  const auto v = hn::Set(f, value);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(v, f, out + i);
  for (; i < n; ++i) out[i] = value;
}

}  // namespace HWY_NAMESPACE
}  // namespace omni::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni::cpu {

HWY_EXPORT(LoadBf16);
HWY_EXPORT(StoreBf16);
HWY_EXPORT(RoundBf16);
HWY_EXPORT(LoadI32);
HWY_EXPORT(StoreI32);
HWY_EXPORT(ScaleU8);
HWY_EXPORT(Fill);
HWY_EXPORT(WherePositiveBf16);

void load_bf16(const uint16_t* in, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LoadBf16)(in, out, n);
}
void store_bf16(const float* in, uint16_t* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StoreBf16)(in, out, n);
}
void round_bf16(const float* in, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(RoundBf16)(in, out, n);
}
void load_i32(const int32_t* in, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LoadI32)(in, out, n);
}
void store_i32(const float* in, int32_t* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StoreI32)(in, out, n);
}
void scale_u8(const uint8_t* in, float factor, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(ScaleU8)(in, factor, out, n);
}
void load_u8(const uint8_t* in, float* out, int64_t n) { scale_u8(in, 1, out, n); }
void fill(float value, float* out, int64_t n) { HWY_DYNAMIC_DISPATCH(Fill)(value, out, n); }

void copy(const float* in, float* out, int64_t n) {
  if (in != out && n > 0) std::memcpy(out, in, static_cast<size_t>(n) * sizeof(float));
}
void copy_block(const float* const* in, float* out, int64_t n) { copy(in[0], out, n); }

void round_bf16_block(const float* const* in, float* out, int64_t n) { round_bf16(in[0], out, n); }

void where_positive_bf16(const uint16_t* const* in, uint16_t* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(WherePositiveBf16)(in[0], in[1], out, n);
}

}  // namespace omni::cpu
#endif
