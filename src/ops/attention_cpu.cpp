// Attention on one core: for each sample and head the scores are made, used and forgotten while
// they are in cache. Each number is a sum in f32: up to 384 terms one after another, more in parts
// (for_parts); scores of few queries (kFewQueries) are products of vectors, added up at their ends.
//
// Rows and columns of a product come in blocks. Its terms are those that any row of the block has,
// and a row's own weights of the others are 0: finite numbers do not show it. An infinite or NaN
// value (v for y; dy for dv; k for dq; q for dk) times 0 is NaN, which so reaches all rows of the
// blocks that see it, and so of up to kRows - 1 that do not: how many depends on the instruction
// set. attention_mix, which counts all keys, has it in all rows, and so have the references.
#include <algorithm>
#include <memory>
#include <utility>

#include "cpu/planner.h"
#include "cpu/turn.h"
#include "ops/attention.h"
#include "ops/attention_shape.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

// GCC's -O2 leaves short loops over vectors as they are, and what they index on the stack.
#define OMNI_UNROLL _Pragma("GCC unroll 8")

// What all targets share.
#ifndef OMNI_ATTENTION_ONCE
#define OMNI_ATTENTION_ONCE
namespace omni {
namespace {

// Rows of `width` numbers of one head, `stride` floats apart.
template <class T>
struct Rows {
  T* data;
  int64_t stride;
  T* operator[](int64_t row) const { return data + row * stride; }
};

// Working memory for one head. Tiles are [queries, keys], rows padded to whole vectors.
struct HeadMemory {
  Rows<float> weights, gradients;  // tiles; the second for the gradient
  Rows<float> turned;              // keys or values as [width, keys], padded like a tile
  float* packed;                   // any rows, dense
  float* part;                     // one head's share of dk or dv where heads share keys
};

// Fewer queries do not pay for turning keys: each score is a product of rows, as in oneDNN.
constexpr int64_t kFewQueries = 16;
constexpr int64_t kPadding = 16;  // floats: the longest vector that is used
inline int64_t padded(int64_t n) { return (n + kPadding - 1) / kPadding * kPadding; }

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

// Rows of a block: with two vectors of each, as many sums as keep two units busy and fit registers.
constexpr int kRows = hn::MaxLanes(d) >= 16 ? 8 : 4;

// A vector of consecutive floats, at any address.
struct Whole {
  HWY_INLINE V load(const float* x) const { return hn::LoadU(d, x); }
  HWY_INLINE void store(V v, float* out) const { hn::StoreU(v, d, out); }
  HWY_INLINE V or_else(V v, V) const { return v; }
};

// The first n floats of one, less than a whole; beyond them nothing is read or written, and loaded
// lanes are 0. Highway's masked loads and stores are that, and take any address, where the
// processor has instructions for them, which is where it says that they cannot fault.
struct Part {
  int64_t n;

  HWY_INLINE V load(const float* x) const {
#if HWY_MEM_OPS_MIGHT_FAULT
    HWY_ALIGN float some[hn::MaxLanes(d)] = {};
    std::copy_n(x, n, some);
    return hn::Load(d, some);
#else
    return hn::MaskedLoad(mask(), d, x);
#endif
  }
  HWY_INLINE void store(V v, float* out) const {
#if HWY_MEM_OPS_MIGHT_FAULT
    HWY_ALIGN float some[hn::MaxLanes(d)];
    hn::Store(v, d, some);
    std::copy_n(some, n, out);
#else
    hn::BlendedStore(v, mask(), d, out);
#endif
  }
  HWY_INLINE V or_else(V v, V other) const { return hn::IfThenElse(mask(), v, other); }

 private:
  HWY_INLINE hn::Mask<decltype(d)> mask() const { return hn::FirstN(d, n); }
};

// Calls body(i, Whole) for whole vectors from element i on and body(i, Part) for what is left of n.
template <class Body>
HWY_INLINE void for_vectors(int64_t n, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, Whole());
  if (i < n) body(i, Part{n - i});
}

// Scores of n visible keys become weights that add up to 1. A NaN makes all of them NaN.
void weigh(float* row, int64_t n, float scale) {
  V most = hn::Set(d, row[0]), total = hn::Zero(d);
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { most = hn::Max(most, lanes.or_else(lanes.load(row + i), most)); });
  const V largest = hn::MaxOfLanes(d, most), factor = hn::Set(d, scale);
  for_vectors(n, [&](int64_t i, auto lanes) HWY_ATTR {
    const V x = hn::Mul(hn::Sub(lanes.load(row + i), largest), factor);
    const V e = hn::IfThenElse(hn::Eq(x, x), hn::Exp(d, x), x);
    total = hn::Add(total, lanes.or_else(e, hn::Zero(d)));
    lanes.store(e, row + i);
  });
  const V inverse = hn::Div(hn::Set(d, 1.f), hn::SumOfLanes(d, total));
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { lanes.store(hn::Mul(lanes.load(row + i), inverse), row + i); });
}

// Gradients of weights p, in dp, become gradients of the scores before scaling.
void weigh_back(const float* p, float* dp, int64_t n, float scale) {
  V dot = hn::Zero(d);
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { dot = hn::MulAdd(lanes.load(p + i), lanes.load(dp + i), dot); });
  const V mean = hn::SumOfLanes(d, dot), factor = hn::Set(d, scale);
  for_vectors(n, [&](int64_t i, auto lanes) HWY_ATTR {
    const V centred = hn::Sub(lanes.load(dp + i), mean);
    lanes.store(hn::Mul(hn::Mul(lanes.load(p + i), centred), factor), dp + i);
  });
}

void add_to(const float* x, float* out, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, x += width, out += stride)
    for_vectors(width, [&](int64_t i, auto lanes) HWY_ATTR {
      lanes.store(hn::Add(lanes.load(out + i), lanes.load(x + i)), out + i);
    });
}

// Calls body(first row, count as a constant) for kRows rows at a time, then for one at a time.
template <class Body>
HWY_INLINE void for_row_blocks(int64_t rows, const Body& body) {
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) body(r, std::integral_constant<int, kRows>());
  for (; r < rows; ++r) body(r, std::integral_constant<int, 1>());
}

// The terms from begin to end that are added up alone: their sum is stored, or added to what is
// stored.
struct Terms {
  int64_t begin, end;
  bool first;
};

// A sum of more than 384 terms of f32 is one of sums over parts of at most as many, in the order
// and with the parts that oneDNN's products have on AVX-512. Calls body(terms) for each part of the
// terms from begin to end out of `count`; the others are 0.
template <class Body>
HWY_INLINE void for_parts(int64_t count, int64_t begin, int64_t end, const Body& body) {
  constexpr int64_t kPart = 384;
  bool first = true;
  for (int64_t at = 0; at < count;) {
    const int64_t left = count - at;
    const int64_t part = left >= 2 * kPart ? kPart : left > kPart ? (left + 1) / 2 : left;
    const Terms terms{std::max(at, begin), std::min(at + part, end), first};
    at += part;
    if (terms.begin >= terms.end && !(first && at >= count)) continue;
    body(terms);
    first = false;
  }
}

// out[r][c] = sum over i of a[r][i] b[i][c], or of a[i][r] b[i][c] if a is turned, for kCount rows
// and kVectors vectors of columns, of which `columns` are stored. Rows of b are whole vectors.
template <bool kTurned, int kCount, int kVectors>
HWY_INLINE void multiply_block(Rows<const float> a, Rows<const float> b, const Terms& terms,
                               Rows<float> out, int64_t columns) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kCount][kVectors];
  OMNI_UNROLL
  for (int r = 0; r < kCount; ++r) {
    OMNI_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t i = terms.begin; i < terms.end; ++i) {
    V x[kVectors];
    OMNI_UNROLL
    for (int v = 0; v < kVectors; ++v) x[v] = hn::LoadU(d, b[i] + v * lanes);
    OMNI_UNROLL
    for (int r = 0; r < kCount; ++r) {
      const V factor = hn::Set(d, kTurned ? a[i][r] : a[r][i]);
      OMNI_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, x[v], sum[r][v]);
    }
  }
  OMNI_UNROLL
  for (int r = 0; r < kCount; ++r) {
    OMNI_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* to = out[r] + v * lanes;
      const auto keep = [&](auto part) HWY_ATTR {
        part.store(terms.first ? sum[r][v] : hn::Add(part.load(to), sum[r][v]), to);
      };
      if (const int64_t left = columns - v * lanes; left >= lanes)
        keep(Whole());
      else
        keep(Part{left});
    }
  }
}

template <bool kTurned, int kCount>
HWY_INLINE void multiply(Rows<const float> a, Rows<const float> b, const Terms& terms,
                         Rows<float> out, int64_t columns) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto from = [](auto rows, int64_t c) { return decltype(rows){rows.data + c, rows.stride}; };
  int64_t c = 0;
  for (; c + lanes < columns; c += 2 * lanes)
    multiply_block<kTurned, kCount, 2>(a, from(b, c), terms, from(out, c), columns - c);
  if (c < columns)
    multiply_block<kTurned, kCount, 1>(a, from(b, c), terms, from(out, c), columns - c);
}

// Rows as dense ones of whole vectors, with zeros at their ends.
Rows<const float> pack(Rows<const float> x, int64_t rows, int64_t width, float* out) {
  const Rows<float> to{out, padded(width)};
  for (int64_t r = 0; r < rows; ++r) {
    for_vectors(width, [&](int64_t i, auto lanes)
                           HWY_ATTR { lanes.store(lanes.load(x[r] + i), to[r] + i); });
    std::fill(to[r] + width, to[r] + to.stride, 0.f);
  }
  return {out, to.stride};
}

// [rows, width] as [width, rows], with zeros at the ends of rows.
Rows<const float> turn(Rows<const float> x, int64_t rows, int64_t width, Rows<float> out) {
  constexpr int64_t kBytes = sizeof(float);
  cpu::turn_words(x.data, x.stride * kBytes, rows, width, out.data, out.stride * kBytes);
  for (int64_t i = 0; i < width; ++i) std::fill(out[i] + rows, out[i] + padded(rows), 0.f);
  return {out.data, out.stride};
}

float dot(const float* a, const float* b, int64_t n) {
  V sum = hn::Zero(d);
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { sum = hn::MulAdd(lanes.load(a + i), lanes.load(b + i), sum); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// tile[t][s] = a[t] . b[s] for the keys s that query t sees, and zeros for the others, after
// finish(t, row from the first key seen, their number).
template <class Finish>
HWY_INLINE void each_with_keys(const AttentionShape& s, Rows<const float> a, Rows<const float> b,
                               Rows<float> tile, Rows<float> turned, const Finish& finish) {
  const auto complete = [&](int64_t t) HWY_ATTR {
    const auto [first, end] = s.visible(t);
    finish(t, tile[t] + first, end - first);
    std::fill(tile[t], tile[t] + first, 0.f);
    std::fill(tile[t] + end, tile[t] + s.keys, 0.f);
  };
  if (s.queries < kFewQueries) {
    for (int64_t t = 0; t < s.queries; ++t) {
      const auto [first, end] = s.visible(t);
      for (int64_t key = first; key < end; ++key) tile[t][key] = dot(a[t], b[key], s.width);
      complete(t);
    }
    return;
  }
  const Rows<const float> columns = turn(b, s.keys, s.width, turned);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for_row_blocks(s.queries, [&](int64_t t, auto count) HWY_ATTR {
    const int64_t begin = s.visible(t).first / lanes * lanes;
    const int64_t end = s.visible(t + count - 1).second;
    for_parts(s.width, 0, s.width, [&](const Terms& terms) HWY_ATTR {
      multiply<false, count>({a[t], a.stride}, {columns.data + begin, columns.stride}, terms,
                             {tile[t] + begin, tile.stride},
                             (end - begin + lanes - 1) / lanes * lanes);
    });
    for (int64_t row = t; row < t + count; ++row) complete(row);
  });
}

// out[t] = sum over the keys s from first to last of tile[t][s] x[s], for the rows of x packed.
template <class Seen>
HWY_INLINE void mix_rows(const AttentionShape& s, Rows<const float> tile, Rows<const float> packed,
                         Rows<float> out, const Seen& seen) {
  for_row_blocks(s.queries, [&](int64_t t, auto count) HWY_ATTR {
    for_parts(s.keys, seen(t).first, seen(t + count - 1).second, [&](const Terms& terms) HWY_ATTR {
      multiply<false, count>({tile[t], tile.stride}, packed, terms, {out[t], out.stride}, s.width);
    });
  });
}

// out[s] = sum over the queries t that see key s of tile[t][s] x[t], for the rows of x packed.
HWY_INLINE void mix_columns(const AttentionShape& s, Rows<const float> tile,
                            Rows<const float> packed, Rows<float> out) {
  int64_t begin = 0, end = 0;
  for_row_blocks(s.keys, [&](int64_t key, auto count) HWY_ATTR {
    while (begin < s.queries && s.visible(begin).second <= key) ++begin;
    while (end < s.queries && s.visible(end).first < key + count) ++end;
    for_parts(s.queries, begin, end, [&](const Terms& terms) HWY_ATTR {
      multiply<true, count>({tile.data + key, tile.stride}, packed, terms, {out[key], out.stride},
                            s.width);
    });
  });
}

void pattern(const AttentionShape& s, Rows<const float> q, Rows<const float> k,
             const HeadMemory& m) {
  const auto scale = static_cast<float>(s.scale);
  each_with_keys(s, q, k, m.weights, m.turned,
                 [&](int64_t, float* row, int64_t n) HWY_ATTR { weigh(row, n, scale); });
}

// `all` keys count, whoever sees them.
void mix(const AttentionShape& s, Rows<const float> tile, Rows<const float> v, Rows<float> out,
         bool all, const HeadMemory& m) {
  const Rows<const float> packed = pack(v, s.keys, s.width, m.packed);
  if (all)
    mix_rows(s, tile, packed, out, [&](int64_t) { return std::pair<int64_t, int64_t>(0, s.keys); });
  else
    mix_rows(s, tile, packed, out, [&](int64_t t) { return s.visible(t); });
}

// dq, dk and dv of one head. Where heads share keys, the first one's dk and dv are stored, others
// are added to them.
void head_gradient(const AttentionShape& s, Rows<const float> q, Rows<const float> k,
                   Rows<const float> v, Rows<const float> dy, Rows<float> dq, Rows<float> dk,
                   Rows<float> dv, bool first, const HeadMemory& m) {
  const auto keys = [&](Rows<const float> tile, Rows<const float> x, Rows<float> out) HWY_ATTR {
    const Rows<const float> packed = pack(x, s.queries, s.width, m.packed);
    if (s.shared() == 1) return mix_columns(s, tile, packed, out);
    mix_columns(s, tile, packed, {m.part, s.width});
    if (first)
      for (int64_t t = 0; t < s.keys; ++t) std::fill_n(out[t], s.width, 0.f);
    add_to(m.part, out.data, s.keys, s.width, out.stride);
  };
  const Rows<const float> p{m.weights.data, m.weights.stride};
  const Rows<const float> dp{m.gradients.data, m.gradients.stride};
  const auto scale = static_cast<float>(s.scale);
  pattern(s, q, k, m);
  keys(p, dy, dv);
  each_with_keys(s, dy, v, m.gradients, m.turned, [&](int64_t t, float* row, int64_t n) HWY_ATTR {
    weigh_back(p[t] + (row - m.gradients[t]), row, n, scale);
  });
  const Rows<const float> packed = pack(k, s.keys, s.width, m.packed);
  mix_rows(s, dp, packed, dq, [&](int64_t t) { return s.visible(t); });
  keys(dp, q, dk);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni {
namespace {
HWY_EXPORT(pattern);
HWY_EXPORT(mix);
HWY_EXPORT(head_gradient);

// Where heads lie, and memory to work on one of them.
class Heads {
 public:
  Heads(cpu::Planner& p, const AttentionShape& s, int tiles, bool mixes = true)
      : s_(s), tiles_(tiles), mixes_(mixes), scratch_(p.scratch(place(nullptr).second)) {}

  const AttentionShape& shape() const { return s_; }

  // The rows of head h of sample b: of queries or outputs, of keys or values, and of a pattern.
  template <class T>
  Rows<T> of_queries(T* x, int64_t b, int64_t h) const {
    const int64_t stride = s_.heads * s_.width;
    return {x + b * s_.queries * stride + h * s_.width, stride};
  }
  Rows<const float> of_keys(const float* x, int64_t b, int64_t h) const {
    const int64_t stride = s_.kv_heads * s_.width;
    return {x + b * s_.keys * stride + h / s_.shared() * s_.width, stride};
  }
  template <class T>
  Rows<T> of_pattern(T* x, int64_t b, int64_t h) const {
    return {x + (b * s_.heads + h) * s_.queries * s_.keys, s_.keys};
  }

  // Calls body(b, h, memory) for each head.
  template <class Body>
  void each(const Body& body) const {
    const HeadMemory memory = place(reinterpret_cast<float*>(scratch_.get())).first;
    for (int64_t b = 0; b < s_.batch; ++b)
      for (int64_t h = 0; h < s_.heads; ++h) body(b, h, memory);
  }

 private:
  // The memory if it begins at `data`, and its bytes, which are the same for null.
  std::pair<HeadMemory, int64_t> place(float* data) const {
    int64_t floats = 0;
    const auto take = [&](int64_t count) {
      const int64_t at = std::exchange(floats, floats + count);
      return data == nullptr ? nullptr : data + at;
    };
    // Rows a power of two apart would share few places of a cache.
    const int64_t tile_stride = padded(s_.keys) + kPadding, longest = std::max(s_.queries, s_.keys);
    HeadMemory m;
    const int64_t tile = s_.queries * tile_stride;
    m.weights = {take(tiles_ > 0 ? tile : 0), tile_stride};
    m.gradients = {take(tiles_ > 1 ? tile : 0), tile_stride};
    const bool turns = tiles_ > 0 && s_.queries >= kFewQueries;
    m.turned = {take(turns ? s_.width * tile_stride : 0), tile_stride};
    m.packed = take(mixes_ ? longest * padded(s_.width) : 0);
    m.part = take(tiles_ > 1 && s_.shared() > 1 ? padded(s_.keys * s_.width) : 0);
    return {m, floats * size_of(DType::f32)};
  }

  AttentionShape s_;
  int tiles_;
  bool mixes_;
  cpu::Cell<char> scratch_;
};

Rows<const float> read(Rows<float> x) { return {x.data, x.stride}; }

}  // namespace

namespace ops {

void plan_attention(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Heads heads(p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs), 1);
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto v = p.cell<const float>(n.in[2]);
  const auto out = p.cell<float>(id);
  p.step(id, [=] {
    heads.each([&](int64_t b, int64_t h, const HeadMemory& m) {
      const AttentionShape& s = heads.shape();
      HWY_DYNAMIC_DISPATCH(pattern)
      (s, heads.of_queries(q.get(), b, h), heads.of_keys(k.get(), b, h), m);
      HWY_DYNAMIC_DISPATCH(mix)
      (s, read(m.weights), heads.of_keys(v.get(), b, h), heads.of_queries(out.get(), b, h), false,
       m);
    });
  });
}

void plan_attention_pattern(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Heads heads(p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs), 1, false);
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto out = p.cell<float>(id);
  p.step(id, [=] {
    heads.each([&](int64_t b, int64_t h, const HeadMemory& m) {
      const AttentionShape& s = heads.shape();
      HWY_DYNAMIC_DISPATCH(pattern)
      (s, heads.of_queries(q.get(), b, h), heads.of_keys(k.get(), b, h), m);
      const Rows<float> dense = heads.of_pattern(out.get(), b, h);
      for (int64_t t = 0; t < s.queries; ++t) std::copy_n(m.weights[t], s.keys, dense[t]);
    });
  });
}

void plan_attention_mix(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Heads heads(p, AttentionShape::of(p.type(id), p.type(n.in[1]), n.attrs), 0);
  const auto pattern = p.cell<const float>(n.in[0]), v = p.cell<const float>(n.in[1]);
  const auto out = p.cell<float>(id);
  p.step(id, [=] {
    heads.each([&](int64_t b, int64_t h, const HeadMemory& m) {
      HWY_DYNAMIC_DISPATCH(mix)
      (heads.shape(), heads.of_pattern(pattern.get(), b, h), heads.of_keys(v.get(), b, h),
       heads.of_queries(out.get(), b, h), true, m);
    });
  });
}

// dq, dk and dv stand side by side in each row.
void plan_attention_grad(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Heads heads(p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs), 2);
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto v = p.cell<const float>(n.in[2]), dy = p.cell<const float>(n.in[3]);
  const auto out = p.cell<float>(id);
  const int64_t stride = n.type.shape[2];
  p.step(id, [=] {
    heads.each([&](int64_t b, int64_t h, const HeadMemory& m) {
      const AttentionShape& s = heads.shape();
      float* row = out.get() + b * s.queries * stride;
      float* dk = row + s.heads * s.width + h / s.shared() * s.width;
      float* dv = dk + s.kv_heads * s.width;
      HWY_DYNAMIC_DISPATCH(head_gradient)
      (s, heads.of_queries(q.get(), b, h), heads.of_keys(k.get(), b, h),
       heads.of_keys(v.get(), b, h), heads.of_queries(dy.get(), b, h), {row + h * s.width, stride},
       {dk, stride}, {dv, stride}, h % s.shared() == 0, m);
    });
  });
}

}  // namespace ops
}  // namespace omni
#endif
