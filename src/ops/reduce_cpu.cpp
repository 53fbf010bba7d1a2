// Reductions on one core. Up to 64 terms are added in f32 lanes, those partial results in double,
// in an order that depends on shapes alone: the error stays near 1e-7 of the sum of magnitudes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "cpu/blocks.h"
#include "cpu/planner.h"
#include "ops/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/reduce_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// GCC's -O2 leaves short loops over vectors as they are, and what they index on the stack, where
// every addition waits until the last one's sum is written: 5.7 us in place of 3.5 for the two sums
// over 128 x 256 bf16 of an MLP's step (Emerald Rapids). OMNI_UNROLL before a loop of up to kTile
// rounds keeps registers.
#define OMNI_UNROLL _Pragma("GCC unroll 4")

// What all targets share.
#ifndef OMNI_REDUCE_ONCE
#define OMNI_REDUCE_ONCE
namespace omni {
namespace {

enum class Fold { sum, max, min };

struct Loop {
  int64_t count, stride;  // of the input, in elements
};

// An input seen as alternating kept and reduced groups of axes. The last group is contiguous and
// `inner` long; the others are loops. If the last group is kept, the reduced group before it (rows
// of `inner` elements, one after another) is `rows`.
struct Groups {
  std::vector<Loop> kept, reduced;
  int64_t rows = 1, inner = 1;
  bool inner_reduced = false;
};

Groups groups_of(const Shape& s, const std::vector<int64_t>& axes) {
  struct Group {
    int64_t count, stride;
    bool reduced;
  };
  std::vector<Group> groups;  // from the last axis to the first
  int64_t stride = 1;
  for (int i = s.rank() - 1; i >= 0; stride *= s[i--]) {
    if (s[i] == 1) continue;
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!groups.empty() && groups.back().reduced == gone)
      groups.back().count *= s[i];
    else
      groups.push_back({s[i], stride, gone});
  }
  if (groups.empty()) groups.push_back({1, 1, true});
  Groups out{{}, {}, 1, groups[0].count, groups[0].reduced};
  for (size_t i = 1; i < groups.size(); ++i) {
    if (i == 1 && !out.inner_reduced)
      out.rows = groups[i].count;
    else
      (groups[i].reduced ? out.reduced : out.kept).push_back({groups[i].count, groups[i].stride});
  }
  std::reverse(out.kept.begin(), out.kept.end());
  std::reverse(out.reduced.begin(), out.reduced.end());
  return out;
}

// Calls body(offset) for every combination of the loops, the last one fastest.
template <class Body>
void for_offsets(const std::vector<Loop>& loops, size_t depth, int64_t offset, const Body& body) {
  if (depth == loops.size()) return body(offset);
  for (int64_t i = 0; i < loops[depth].count; ++i)
    for_offsets(loops, depth + 1, offset + i * loops[depth].stride, body);
}

}  // namespace
}  // namespace omni
#endif

HWY_BEFORE_NAMESPACE();
namespace omni {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

const HWY_CAPPED(float, 16) d;
using V = hn::Vec<decltype(d)>;
constexpr int64_t kMaxLanes = 16, kChunk = 64, kTile = 4;  // kTile vectors of columns at a time

HWY_INLINE V load(const float* p) { return hn::LoadU(d, p); }
HWY_INLINE V load(const uint16_t* p) {  // bf16: the upper half of an f32
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const hn::Rebind<uint32_t, decltype(d)> d32;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, p))));
}
HWY_INLINE float load_one(const float* p) { return *p; }
HWY_INLINE float load_one(const uint16_t* p) {
  return std::bit_cast<float>(static_cast<uint32_t>(*p) << 16);
}

template <Fold kFold, class Vector>
HWY_INLINE Vector fold(Vector a, Vector x) {
  if constexpr (kFold == Fold::sum) return hn::Add(a, x);
  const auto nan = hn::IsNaN(x);
  const auto better = kFold == Fold::max ? hn::Gt(x, a) : hn::Lt(x, a);
  return hn::IfThenElse(hn::Or(nan, better), x, a);
}
template <Fold kFold, class T>
HWY_INLINE T fold_one(T a, T x) {
  if constexpr (kFold == Fold::sum) return a + x;
  return std::isnan(x) || (kFold == Fold::max ? x > a : x < a) ? x : a;
}
template <Fold kFold>
constexpr float empty() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return kFold == Fold::sum ? 0.f : kFold == Fold::max ? -kInfinity : kInfinity;
}

// total[j] = fold(total[j], partial[j]), for j < count, a multiple of a vector's lanes.
template <Fold kFold>
HWY_INLINE void fold_exactly(const float* partial, int64_t count, double* total) {
  const HWY_CAPPED(double, 8) dd;
  const hn::Rebind<float, decltype(dd)> narrow;
  for (int64_t j = 0; j < count; j += hn::Lanes(dd)) {
    const auto x = hn::PromoteTo(dd, hn::LoadU(narrow, partial + j));
    hn::StoreU(fold<kFold>(hn::LoadU(dd, total + j), x), dd, total + j);
  }
}

// total[j] = fold(total[j], all of column j) for kVectors vectors of columns and kChunks chunks of
// `length` rows, one after another; chunks are folded side by side in registers.
template <Fold kFold, int kVectors, int kChunks, class T>
HWY_INLINE void fold_chunks(const T* x, int64_t length, int64_t stride, double* total) {
  const int64_t lanes = hn::Lanes(d);
  HWY_ALIGN float partial[kTile * kMaxLanes];
  V a[kTile];
  OMNI_UNROLL
  for (int i = 0; i < kTile; ++i) a[i] = hn::Set(d, empty<kFold>());
  for (int64_t r = 0; r < length; ++r) {
    OMNI_UNROLL
    for (int i = 0; i < kVectors * kChunks; ++i)
      a[i] =
          fold<kFold>(a[i], load(x + (i / kVectors * length + r) * stride + i % kVectors * lanes));
  }
  OMNI_UNROLL
  for (int i = 0; i < kVectors * kChunks; ++i) hn::Store(a[i], d, partial + i * lanes);
  for (int c = 0; c < kChunks; ++c)
    fold_exactly<kFold>(partial + c * kVectors * lanes, kVectors * lanes, total);
}

// The same of `rows` rows. Few columns take several chunks at once, lest each addition wait for the
// last one.
template <Fold kFold, int kVectors, class T>
HWY_INLINE void fold_columns(const T* x, int64_t rows, int64_t stride, double* total) {
  constexpr int kChunks = kTile / kVectors;
  int64_t r = 0;
  for (; rows - r >= kChunks * kChunk; r += kChunks * kChunk)
    fold_chunks<kFold, kVectors, kChunks>(x + r * stride, kChunk, stride, total);
  for (; r < rows; r += kChunk)
    fold_chunks<kFold, kVectors, 1>(x + r * stride, std::min(kChunk, rows - r), stride, total);
}

// Rows shorter than a vector: as many rows as a vector has lanes are read as one long row, whose
// vectors go to one accumulator each. Column c ends up in all places j with j % inner == c.
template <Fold kFold, class T>
HWY_INLINE void fold_narrow_columns(const T* x, int64_t rows, int64_t inner, double* total) {
  const int64_t lanes = hn::Lanes(d), span = inner * lanes;
  HWY_ALIGN float partial[kMaxLanes * kMaxLanes];
  int64_t r = 0;
  while (rows - r >= lanes) {
    const int64_t blocks = std::min((rows - r) / lanes, kChunk);
    for (int64_t j = 0; j < span; j += lanes) {
      V a = load(x + r * inner + j);
      for (int64_t b = 1; b < blocks; ++b) a = fold<kFold>(a, load(x + r * inner + b * span + j));
      hn::Store(a, d, partial + j);
    }
    for (int64_t begin = 0; begin < span; begin += inner)
      for (int64_t c = 0; c < inner; ++c)
        total[c] = fold_one<kFold>(total[c], static_cast<double>(partial[begin + c]));
    r += blocks * lanes;
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < inner; ++c)
      total[c] = fold_one<kFold>(total[c], static_cast<double>(load_one(x + r * inner + c)));
}

template <Fold kFold, class T>
double fold_row(const T* x, int64_t n) {
  const int64_t lanes = hn::Lanes(d), wide = kTile * lanes;
  double total = empty<kFold>();
  int64_t i = 0;
  while (n - i >= wide) {
    const int64_t end = i + std::min((n - i) / wide, kChunk) * wide;
    V a[kTile];
    OMNI_UNROLL
    for (int v = 0; v < kTile; ++v) a[v] = load(x + i + v * lanes);
    for (i += wide; i < end; i += wide) {
      OMNI_UNROLL
      for (int v = 0; v < kTile; ++v) a[v] = fold<kFold>(a[v], load(x + i + v * lanes));
    }
    HWY_ALIGN float partial[kMaxLanes];
    hn::Store(fold<kFold>(fold<kFold>(a[0], a[1]), fold<kFold>(a[2], a[3])), d, partial);
    for (int64_t j = 0; j < lanes; ++j)
      total = fold_one<kFold>(total, static_cast<double>(partial[j]));
  }
  for (; i < n; ++i) total = fold_one<kFold>(total, static_cast<double>(load_one(x + i)));
  return total;
}

// out[c] for columns first..first + kVectors * lanes.
template <Fold kFold, int kVectors, class T>
void fold_tile(const T* x, const Groups& g, int64_t first, float* out) {
  double total[kTile * kMaxLanes];
  std::fill_n(total, kTile * kMaxLanes, empty<kFold>());
  for_offsets(g.reduced, 0, first, [&](int64_t offset) {
    fold_columns<kFold, kVectors>(x + offset, g.rows, g.inner, total);
  });
  for (int64_t j = 0; j < kVectors * static_cast<int64_t>(hn::Lanes(d)); ++j)
    out[first + j] = static_cast<float>(total[j]);
}

template <Fold kFold, class T>
void fold_groups(const T* x, float* out, const Groups& g) {
  const int64_t lanes = hn::Lanes(d);
  if (g.inner_reduced) {
    for_offsets(g.kept, 0, 0, [&](int64_t kept) {
      double total = empty<kFold>();
      for_offsets(g.reduced, 0, kept, [&](int64_t offset) {
        total = fold_one<kFold>(total, fold_row<kFold>(x + offset, g.inner));
      });
      *out++ = static_cast<float>(total);
    });
    return;
  }
  for_offsets(g.kept, 0, 0, [&](int64_t kept) {
    if (g.inner < lanes) {
      double total[kMaxLanes];
      std::fill_n(total, kMaxLanes, empty<kFold>());
      for_offsets(g.reduced, 0, kept, [&](int64_t offset) {
        fold_narrow_columns<kFold>(x + offset, g.rows, g.inner, total);
      });
      for (int64_t c = 0; c < g.inner; ++c) out[c] = static_cast<float>(total[c]);
    } else {
      int64_t c = 0;
      for (; c + kTile * lanes <= g.inner; c += kTile * lanes)
        fold_tile<kFold, kTile>(x + kept, g, c, out);
      for (; c + 2 * lanes <= g.inner; c += 2 * lanes) fold_tile<kFold, 2>(x + kept, g, c, out);
      for (; c + lanes <= g.inner; c += lanes) fold_tile<kFold, 1>(x + kept, g, c, out);
      // The last columns again with some before them: the same sums in the same order.
      if (c < g.inner) fold_tile<kFold, 1>(x + kept, g, g.inner - lanes, out);
    }
    out += g.inner;
  });
}

void sum_f32(const float* x, float* out, const Groups& g) { fold_groups<Fold::sum>(x, out, g); }
void sum_bf16(const uint16_t* x, float* out, const Groups& g) {
  fold_groups<Fold::sum>(x, out, g);
}
void max_f32(const float* x, float* out, const Groups& g) { fold_groups<Fold::max>(x, out, g); }
void min_f32(const float* x, float* out, const Groups& g) { fold_groups<Fold::min>(x, out, g); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni {
namespace {
HWY_EXPORT(sum_f32);
HWY_EXPORT(sum_bf16);
HWY_EXPORT(max_f32);
HWY_EXPORT(min_f32);

template <class T, class Run>
void plan_fold(cpu::Planner& p, int id, Run run) {
  const Node& n = p.node(id);
  const auto in = p.cell<const T>(n.in[0]);
  const Groups groups = groups_of(p.type(n.in[0]).shape, n.attrs.list("axes"));
  if (p.dtype(id) == DType::bf16) {
    const int64_t count = n.type.count();
    const auto exact = p.scratch(count * size_of(DType::f32));
    const auto out = p.cell<uint16_t>(id);
    return p.step(id, [=] {
      auto* sums = reinterpret_cast<float*>(exact.get());
      run(in.get(), sums, groups);
      cpu::store_bf16(sums, out.get(), count);
    });
  }
  const auto out = p.cell<float>(id);
  p.step(id, [=] { run(in.get(), out.get(), groups); });
}
}  // namespace

namespace ops {

void plan_reduce_sum(cpu::Planner& p, int id) {
  if (p.dtype(p.node(id).in[0]) == DType::bf16)
    plan_fold<uint16_t>(p, id, [](const uint16_t* x, float* out, const Groups& g) {
      HWY_DYNAMIC_DISPATCH(sum_bf16)(x, out, g);
    });
  else
    plan_fold<float>(p, id, [](const float* x, float* out, const Groups& g) {
      HWY_DYNAMIC_DISPATCH(sum_f32)(x, out, g);
    });
}

void plan_reduce_max(cpu::Planner& p, int id) {
  plan_fold<float>(p, id, [](const float* x, float* out, const Groups& g) {
    HWY_DYNAMIC_DISPATCH(max_f32)(x, out, g);
  });
}

void plan_reduce_min(cpu::Planner& p, int id) {
  plan_fold<float>(p, id, [](const float* x, float* out, const Groups& g) {
    HWY_DYNAMIC_DISPATCH(min_f32)(x, out, g);
  });
}

void plan_arg_max(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Shape& s = p.type(n.in[0]).shape;
  const auto axis = static_cast<int>(n.attrs.integer("axis"));
  int64_t inner = 1;
  for (int i = axis + 1; i < s.rank(); ++i) inner *= s[i];
  const auto in = p.cell<const float>(n.in[0]);
  const auto out = p.cell<int32_t>(id);
  p.step(id, [in, out, inner, length = s[axis], results = n.type.count()] {
    for (int64_t o = 0; o < results; ++o) {
      const float* x = in.get() + o / inner * inner * length + o % inner;
      int64_t best = 0;
      for (int64_t i = 1; i < length && !std::isnan(x[best * inner]); ++i)
        if (std::isnan(x[i * inner]) || x[i * inner] > x[best * inner]) best = i;
      out.get()[o] = static_cast<int32_t>(best);
    }
  });
}

}  // namespace ops
}  // namespace omni
#endif
