// Philox4x32-10 over vector lanes: one counter per 64-bit lane, so that a product of two 32-bit
// words fits. Each lane is a pure function of its counter; how rows are cut into vectors cannot
// change a bit.
#include <algorithm>
#include <cstring>

#include "cpu/planner.h"
#include "ops/random_value.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/random_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#ifndef OMNI_RANDOM_DRAW
#define OMNI_RANDOM_DRAW
namespace omni::ops {
namespace {

constexpr int kRounds = 10;

// What the rows of one step have in common. The round keys follow from the key.
struct Draw {
  uint64_t key;
  uint32_t keys_low[kRounds], keys_high[kRounds];
  uint32_t step, purpose;
  const int32_t* index;
  int64_t width;  // values per row
  float* out;
};

}  // namespace
}  // namespace omni::ops
#endif

HWY_BEFORE_NAMESPACE();
namespace omni::ops {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR  // no vectors: the plain definition

void fill_rows(const Draw& draw, int64_t begin, int64_t end, auto value_of) {
  for (int64_t r = begin; r < end; ++r)
    for (int64_t j = 0; j < draw.width; ++j) {
      const auto words = philox(draw.key, static_cast<uint32_t>(j / 4),
                                static_cast<uint32_t>(draw.index[r]), draw.step, draw.purpose);
      draw.out[r * draw.width + j] = static_cast<float>(value_of(words, j % 4));
    }
}

void uniform_rows(const Draw& draw, int64_t begin, int64_t end) {
  fill_rows(draw, begin, end, uniform_of);
}
void normal_rows(const Draw& draw, int64_t begin, int64_t end) {
  fill_rows(draw, begin, end, normal_of);
}

#else

namespace hn = hwy::HWY_NAMESPACE;
using Wide = hn::ScalableTag<uint64_t>;
using Words = hn::Repartition<uint32_t, Wide>;
using Floats = hn::Repartition<float, Wide>;
using WideVector = hn::Vec<Wide>;
using WordVector = hn::Vec<Words>;
using FloatVector = hn::Vec<Floats>;

constexpr int64_t kMaxCounters = hn::MaxLanes(Wide());

// Four words per lane; the upper halves of the 64 bits are noise.
struct Block {
  WideVector word[4];
};

// The rounds of Salmon et al., section 4.3.
HWY_INLINE Block philox_lanes(const Draw& draw, WideVector counter, WideVector index) {
  const Wide wide;
  const Words words;
  const auto m0 = hn::Set(words, 0xD2511F53u), m1 = hn::Set(words, 0xCD9E8D57u);
  WideVector c0 = counter, c1 = index;
  WideVector c2 = hn::Set(wide, draw.step), c3 = hn::Set(wide, draw.purpose);
  for (int round = 0; round < kRounds; ++round) {
    const auto p0 = hn::MulEven(hn::BitCast(words, c0), m0);
    const auto p1 = hn::MulEven(hn::BitCast(words, c2), m1);
    c0 = hn::Xor3(hn::ShiftRight<32>(p1), c1, hn::Set(wide, draw.keys_low[round]));
    c2 = hn::Xor3(hn::ShiftRight<32>(p0), c3, hn::Set(wide, draw.keys_high[round]));
    c1 = p1;
    c3 = p0;
  }
  return {{c0, c1, c2, c3}};
}

// Each 64-bit lane becomes the two words low, high.
HWY_INLINE WordVector join(WideVector low, WideVector high) {
  const Words words;
  return hn::OddEven(hn::BitCast(words, hn::ShiftLeft<32>(high)), hn::BitCast(words, low));
}

HWY_INLINE FloatVector unit_floats(WordVector bits) {
  const hn::RebindToSigned<Words> integers;
  const auto high = hn::BitCast(integers, hn::ShiftRight<8>(bits));
  return hn::Mul(hn::ConvertTo(Floats(), high), hn::Set(Floats(), 0x1.0p-24f));
}

// Four values for each of the counters. The values of the counters in even lanes are stored first,
// then those of the odd lanes: see lane_order.
struct Uniform {
  static HWY_INLINE void store(const Block& b, float* out) {
    const Wide wide;
    const Words words;
    const auto first = hn::BitCast(wide, join(b.word[0], b.word[1]));
    const auto second = hn::BitCast(wide, join(b.word[2], b.word[3]));
    const auto even = hn::BitCast(words, hn::InterleaveLower(wide, first, second));
    const auto odd = hn::BitCast(words, hn::InterleaveUpper(wide, first, second));
    hn::StoreU(unit_floats(even), Floats(), out);
    hn::StoreU(unit_floats(odd), Floats(), out + hn::Lanes(Floats()));
  }
};

struct Normal {
  static HWY_INLINE void store(const Block& b, float* out) {
    const Floats floats;
    FloatVector cosines, sines;
    box_muller(join(b.word[0], b.word[2]), join(b.word[1], b.word[3]), cosines, sines);
    hn::StoreU(hn::InterleaveLower(floats, cosines, sines), floats, out);
    hn::StoreU(hn::InterleaveUpper(floats, cosines, sines), floats, out + hn::Lanes(floats));
  }

  static HWY_INLINE void box_muller(WordVector radius_bits, WordVector angle_bits,
                                    FloatVector& cosines, FloatVector& sines) {
    const Floats floats;
    const Words words;
    const hn::RebindToSigned<Words> integers;
    const auto one = hn::Set(words, 1u);
    const auto u = hn::Mul(
        hn::ConvertTo(floats, hn::BitCast(integers, hn::Add(hn::ShiftRight<8>(radius_bits), one))),
        hn::Set(floats, 0x1.0p-24f));
    const auto radius = hn::Sqrt(hn::Mul(hn::Set(floats, -2.0f), hn::Log(floats, u)));

    // The angle is `turn` / 2^24 turns: the nearest quarter and an exact rest of at most 1/8.
    const auto turn = hn::ShiftRight<8>(angle_bits);
    const auto quarter = hn::ShiftRight<22>(hn::Add(turn, hn::Set(words, 1u << 21)));
    const auto rest = hn::BitCast(integers, hn::Sub(turn, hn::ShiftLeft<22>(quarter)));
    const auto x =
        hn::Mul(hn::ConvertTo(floats, rest), hn::Set(floats, 6.283185307179586f * 0x1.0p-24f));
    // Taylor: on |x| <= pi/4 the first missing terms are below 2e-9 (sine) and 3e-8 (cosine).
    const auto x2 = hn::Mul(x, x);
    auto sine = hn::MulAdd(x2, hn::Set(floats, 1.0f / 362880), hn::Set(floats, -1.0f / 5040));
    sine = hn::MulAdd(x2, sine, hn::Set(floats, 1.0f / 120));
    sine = hn::MulAdd(x2, sine, hn::Set(floats, -1.0f / 6));
    sine = hn::MulAdd(hn::Mul(x, x2), sine, x);
    auto cosine = hn::MulAdd(x2, hn::Set(floats, 1.0f / 40320), hn::Set(floats, -1.0f / 720));
    cosine = hn::MulAdd(x2, cosine, hn::Set(floats, 1.0f / 24));
    cosine = hn::MulAdd(x2, cosine, hn::Set(floats, -0.5f));
    cosine = hn::MulAdd(x2, cosine, hn::Set(floats, 1.0f));

    // Odd quarters swap the two; the sine is negative in quarters 2 and 3, the cosine in 1 and 2.
    const auto swap = hn::RebindMask(floats, hn::TestBit(quarter, one));
    const auto sign = hn::Set(words, 1u << 31);
    const auto sine_sign = hn::And(hn::ShiftLeft<30>(quarter), sign);
    const auto cosine_sign = hn::And(hn::ShiftLeft<30>(hn::Add(quarter, one)), sign);
    sines = hn::Mul(radius, hn::Xor(hn::IfThenElse(swap, cosine, sine),
                                    hn::BitCast(floats, sine_sign)));
    cosines = hn::Mul(radius, hn::Xor(hn::IfThenElse(swap, sine, cosine),
                                      hn::BitCast(floats, cosine_sign)));
  }
};

// The lane that holds the k-th of a vector of counters, so that interleaving within 128-bit blocks,
// which is all that the instructions do, puts the values into order: first even lanes, then odd.
HWY_INLINE int64_t lane_of(int64_t k, int64_t counters) {
  return k < counters / 2 ? 2 * k : 2 * k - counters + 1;
}

// Rows of many values: vectors along the row.
template <class Kind>
void wide_rows(const Draw& draw, int64_t begin, int64_t end) {
  const Wide wide;
  const auto counters = static_cast<int64_t>(hn::Lanes(wide));
  HWY_ALIGN uint64_t order[kMaxCounters];
  HWY_ALIGN float last[4 * kMaxCounters];
  for (int64_t k = 0; k < counters; ++k)
    order[lane_of(k, counters)] = static_cast<uint64_t>(k);
  const auto first = hn::Load(wide, order);
  const auto next = hn::Set(wide, static_cast<uint64_t>(counters));
  for (int64_t r = begin; r < end; ++r) {
    const auto index = hn::Set(wide, static_cast<uint32_t>(draw.index[r]));
    float* out = draw.out + r * draw.width;
    auto counter = first;
    int64_t left = draw.width;
    // Two independent chains hide the latency of the multiplications.
    for (; left >= 8 * counters; left -= 8 * counters, out += 8 * counters) {
      const auto second = hn::Add(counter, next);
      const Block a = philox_lanes(draw, counter, index), b = philox_lanes(draw, second, index);
      Kind::store(a, out);
      Kind::store(b, out + 4 * counters);
      counter = hn::Add(second, next);
    }
    for (; left > 0; left -= 4 * counters, out += 4 * counters) {
      const Block block = philox_lanes(draw, counter, index);
      if (left >= 4 * counters) {
        Kind::store(block, out);
      } else {
        Kind::store(block, last);
        std::memcpy(out, last, static_cast<size_t>(left) * sizeof(float));
      }
      counter = hn::Add(counter, next);
    }
  }
}

// Rows of few values: vectors across rows, each row padded to whole counters.
template <class Kind>
void narrow_rows(const Draw& draw, int64_t begin, int64_t end) {
  const Wide wide;
  const auto counters = static_cast<int64_t>(hn::Lanes(wide));
  const int64_t blocks = (draw.width + 3) / 4;
  HWY_ALIGN uint64_t counter[kMaxCounters] = {}, index[kMaxCounters] = {};
  HWY_ALIGN float values[4 * kMaxCounters];
  int64_t row = begin, block = 0, written_row = begin, written_block = 0;
  while (row < end) {
    int64_t used = 0;
    for (; used < counters && row < end; ++used) {
      counter[lane_of(used, counters)] = static_cast<uint64_t>(block);
      index[lane_of(used, counters)] = static_cast<uint32_t>(draw.index[row]);
      if (++block == blocks) block = 0, ++row;
    }
    Kind::store(philox_lanes(draw, hn::Load(wide, counter), hn::Load(wide, index)), values);
    for (int64_t k = 0; k < used; ++k) {
      const int64_t from = 4 * written_block;
      float* out = draw.out + written_row * draw.width + from;
      for (int64_t j = 0; j < std::min<int64_t>(4, draw.width - from); ++j)
        out[j] = values[4 * k + j];
      if (++written_block == blocks) written_block = 0, ++written_row;
    }
  }
}

template <class Kind>
void fill_rows(const Draw& draw, int64_t begin, int64_t end) {
  // Measured: packing rows into vectors pays while a vector of counters would be used by a quarter.
  const bool narrow = draw.width <= static_cast<int64_t>(hn::Lanes(Wide()));
  (narrow ? narrow_rows<Kind> : wide_rows<Kind>)(draw, begin, end);
}

void uniform_rows(const Draw& draw, int64_t begin, int64_t end) {
  fill_rows<Uniform>(draw, begin, end);
}
void normal_rows(const Draw& draw, int64_t begin, int64_t end) {
  fill_rows<Normal>(draw, begin, end);
}

#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni::ops
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni::ops {
namespace {

HWY_EXPORT(uniform_rows);
HWY_EXPORT(normal_rows);

void uniform(const Draw& draw, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(uniform_rows)(draw, begin, end);
}
void normal(const Draw& draw, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(normal_rows)(draw, begin, end);
}

void plan_random(cpu::Planner& p, int id, void (*fill)(const Draw&, int64_t begin, int64_t end)) {
  const Node& n = p.node(id);
  const int64_t rows = n.type.shape[0], width = n.type.count() / rows;
  const auto purpose = static_cast<uint32_t>(hash_text(n.attrs.text("purpose")));
  const auto key = p.cell<const uint32_t>(n.in[0]);
  const auto step = p.cell<const uint32_t>(n.in[1]);
  const auto index = p.cell<const int32_t>(n.in[2]);
  const auto out = p.cell<float>(id);
  p.divisible_step(id, [=](int part, int parts) {
    const uint64_t whole = key.get()[0] | uint64_t{key.get()[1]} << 32;
    Draw draw{whole, {}, {}, *step.get(), purpose, index.get(), width, out.get()};
    for (uint32_t round = 0; round < kRounds; ++round) {
      draw.keys_low[round] = key.get()[0] + round * 0x9E3779B9u;
      draw.keys_high[round] = key.get()[1] + round * 0xBB67AE85u;
    }
    fill(draw, rows * part / parts, rows * (part + 1) / parts);
  });
}

}  // namespace

void plan_random_uniform(cpu::Planner& p, int id) { plan_random(p, id, uniform); }
void plan_random_normal(cpu::Planner& p, int id) { plan_random(p, id, normal); }

}  // namespace omni::ops
#endif
