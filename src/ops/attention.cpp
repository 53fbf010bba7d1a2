// What attention means: shapes, gradients, plain loops and the form of elementary ops.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/op_plan.h"
#include "ops/attention_shape.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/iota.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {

AttentionShape AttentionShape::of(const Type& q, const Type& k, const Attrs& attrs) {
  AttentionShape s;
  s.batch = q.shape[0];
  s.queries = q.shape[1];
  s.keys = k.shape[1];
  s.heads = attrs.integer("heads");
  s.kv_heads = attrs.integer("kv_heads");
  s.width = q.shape[2] / s.heads;
  s.scale = attrs.number("scale");
  s.causal = attrs.integer("causal") != 0;
  s.window = attrs.integer("window");
  return s;
}

namespace {

// Rows do not meet as long as the first axis counts them in every operand.
int batch_of(std::span<const Type> in) {
  const int64_t batched = std::ranges::count(in, 0, &Type::batch);
  const int64_t plain = std::ranges::count(in, kNoBatch, &Type::batch);
  if (batched + plain < std::ssize(in)) return kMixedBatch;
  if (batched == 0) return kNoBatch;
  return plain == 0 || in[0].shape[0] == 1 ? 0 : kMixedBatch;
}

void require_heads(const char* op, const Type& t, const char* name, int64_t heads, int64_t width) {
  require(is_float(t.dtype) && t.shape.rank() == 3 && t.count() > 0,
          "{}: {} must be f32 [batch, positions, heads * width], got {}", op, name, t);
  require(heads >= 1 && t.shape[2] % heads == 0 && (width == 0 || t.shape[2] == heads * width),
          "{}: {} of {} does not divide into {} heads{}", op, name, t, heads,
          width == 0 ? "" : fmt::format(" of width {}", width));
}

void check_pair(const char* op, const Type& q, const Type& k, const Attrs& attrs) {
  const int64_t heads = attrs.integer("heads"), kv_heads = attrs.integer("kv_heads");
  require_heads(op, q, "q", heads, 0);
  require(kv_heads >= 1 && heads % kv_heads == 0,
          "{}: {} heads cannot share the keys of {} heads", op, heads, kv_heads);
  require_heads(op, k, "k", kv_heads, q.shape[2] / heads);
  require(k.shape[0] == q.shape[0], "{}: q {} and k {} have different rows", op, q, k);
  require(attrs.integer("causal") == 0 || k.shape[1] >= q.shape[1],
          "{}: causal attention needs at least as many keys as queries, got q {} and k {}", op, q,
          k);
  require(attrs.number("scale") > 0, "{}: the scale must be above 0, got {}", op,
          attrs.number("scale"));
}

Type attention_type(std::span<const Type> in, const Attrs& attrs) {
  check_pair("attention", in[0], in[1], attrs);
  require(in[2].shape == in[1].shape && is_float(in[2].dtype),
          "attention: v must have the shape of k, got {} and {}", in[2], in[1]);
  return {DType::f32, in[0].shape, batch_of(in)};
}

Type pattern_type(std::span<const Type> in, const Attrs& attrs) {
  check_pair("attention_pattern", in[0], in[1], attrs);
  const AttentionShape s = AttentionShape::of(in[0], in[1], attrs);
  return {DType::f32, {s.batch, s.heads, s.queries, s.keys}, batch_of(in)};
}

Type mix_type(std::span<const Type> in, const Attrs& attrs) {
  const Type &p = in[0], &v = in[1];
  const int64_t heads = attrs.integer("heads"), kv_heads = attrs.integer("kv_heads");
  require_heads("attention_mix", v, "v", kv_heads, 0);
  require(is_float(p.dtype) && p.shape.rank() == 4 && p.shape[0] == v.shape[0] &&
              p.shape[1] == heads && p.shape[3] == v.shape[1] && heads % kv_heads == 0,
          "attention_mix: the pattern must be [{}, {}, queries, {}], got {}", v.shape[0], heads,
          v.shape[1], p);
  return {DType::f32,
          {p.shape[0], p.shape[2], v.shape[2] / kv_heads * heads},
          batch_of(in)};
}

// dq, dk and dv side by side along the last axis.
Type grad_type(std::span<const Type> in, const Attrs& attrs) {
  check_pair("attention_grad", in[0], in[1], attrs);
  require(in[0].shape[1] == in[1].shape[1],
          "attention has a gradient only for as many queries as keys, got q {} and k {}", in[0],
          in[1]);
  require(in[3].shape == in[0].shape, "attention_grad: dy must be {}, got {}", in[0].shape, in[3]);
  return {DType::f32,
          {in[0].shape[0], in[0].shape[1], in[0].shape[2] + 2 * in[1].shape[2]},
          batch_of(in)};
}

AttentionOptions options_of(const Attrs& a) {
  return {a.integer("heads"), a.integer("kv_heads"), a.number("scale"), a.integer("causal") != 0,
          a.integer("window")};
}

void attention_gradient(GradContext& c) {
  const Value d = c.graph().add(ops::attention_grad, {c.x(0), c.x(1), c.x(2), c.dy()}, c.attrs());
  const int64_t q = c.x(0).dim(2), k = c.x(1).dim(2);
  c.add(0, slice(d, 2, 0, q));
  c.add(1, slice(d, 2, q, q + k));
  c.add(2, slice(d, 2, q + k, q + 2 * k));
}

// The op's inputs as values of their own, so that what is pulled back to one does not flow on into
// another that it was made from.
std::vector<Value> apart(const GradContext& c, int count) {
  std::vector<Value> in;
  for (int i = 0; i < count; ++i)
    in.push_back(broadcast_to(c.x(i), c.x(i).shape(), c.x(i).type().batch));
  return in;
}

// Of second order: through the elementary form.
void attention_grad_gradient(GradContext& c) {
  const std::vector<Value> in = apart(c, 4);
  const Value y = attention_composed(in[0], in[1], in[2], options_of(c.attrs()));
  const std::vector<Value> d = pullback(y, in[3], std::span(in).first(3));
  const std::vector<Value> dd = pullback(concat(d, 2), c.dy(), in);
  for (int i = 0; i < 4; ++i) c.add(i, dd[i]);
}

// [B, T, heads * D] as [B, kv_heads, heads / kv_heads, T, D].
Value by_head(Value x, int64_t heads, int64_t kv_heads) {
  const int64_t b = x.dim(0), t = x.dim(1), width = x.dim(2) / heads;
  return transpose(reshape(x, {b, t, kv_heads, heads / kv_heads, width}), {0, 2, 3, 1, 4});
}

Value pattern_composed(Value q, Value k, const AttentionOptions& o) {
  Graph& g = *q.graph;
  const int64_t t = q.dim(1), s = k.dim(1), shift = s - t;
  Value scores = matmul(by_head(q, o.heads, o.kv_heads), by_head(k, o.kv_heads, o.kv_heads), false,
                        true) *
                 o.scale;
  const Value ago = iota(g, {t, s}, 0) + static_cast<double>(shift) - iota(g, {t, s}, 1);
  if (o.causal) scores = where(greater_equal(ago, 0), scores, constant(g, -kMasked));
  if (o.window > 0) scores = where(less(ago, static_cast<double>(o.window)), scores, constant(g, -kMasked));
  return softmax(scores);
}

Value mix_composed(Value pattern, Value v, const AttentionOptions& o) {
  const Value mixed = matmul(pattern, by_head(v, o.kv_heads, o.kv_heads));  // [B, G, R, T, D]
  return reshape(transpose(mixed, {0, 3, 1, 2, 4}),
                 {v.dim(0), mixed.dim(3), o.heads * mixed.dim(4)});
}

void pattern_gradient(GradContext& c) {
  const AttentionOptions o = options_of(c.attrs());
  const std::vector<Value> in = apart(c, 2);
  const Value p = pattern_composed(in[0], in[1], o);
  const std::vector<Value> d = pullback(reshape(p, c.y().shape()), c.dy(), in);
  c.add(0, d[0]);
  c.add(1, d[1]);
}

void mix_gradient(GradContext& c) {
  const AttentionOptions o = options_of(c.attrs());
  const std::vector<Value> in = apart(c, 2);
  const Shape& s = in[0].shape();
  const Value p = reshape(in[0], {s[0], o.kv_heads, o.heads / o.kv_heads, s[2], s[3]});
  const std::vector<Value> d = pullback(mix_composed(p, in[1], o), c.dy(), in);
  c.add(0, d[0]);
  c.add(1, d[1]);
}

// --- Plain loops ---

using Doubles = std::vector<double>;

struct HeadLoops {
  AttentionShape s;
  int64_t q_at(int64_t b, int64_t h, int64_t t) const {
    return (b * s.queries + t) * s.heads * s.width + h * s.width;
  }
  int64_t k_at(int64_t b, int64_t h, int64_t t) const {
    return (b * s.keys + t) * s.kv_heads * s.width + h / (s.heads / s.kv_heads) * s.width;
  }
  double dot(const Doubles& a, int64_t at_a, const Doubles& b, int64_t at_b) const {
    double sum = 0;
    for (int64_t i = 0; i < s.width; ++i) sum += a[at_a + i] * b[at_b + i];
    return sum;
  }
  // One row of the pattern.
  Doubles row(const Doubles& q, const Doubles& k, int64_t b, int64_t h, int64_t t) const {
    const auto [first, end] = s.visible(t);
    Doubles p(s.keys);
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t j = first; j < end; ++j) {
      p[j] = s.scale * dot(q, q_at(b, h, t), k, k_at(b, h, j));
      largest = std::max(largest, p[j]);
    }
    for (int64_t j = first; j < end; ++j) sum += p[j] = std::exp(p[j] - largest);
    for (int64_t j = first; j < end; ++j) p[j] /= sum;
    return p;
  }
  template <class Body>
  void each(const Body& body) const {
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t t = 0; t < s.queries; ++t) body(b, h, t);
  }
};

void attention_reference(RefContext& c) {
  const HeadLoops loops{AttentionShape::of(c.in(0).type, c.in(1).type, c.attrs())};
  loops.each([&](int64_t b, int64_t h, int64_t t) {
    const Doubles p = loops.row(c.in(0).v, c.in(1).v, b, h, t);
    for (int64_t j = 0; j < loops.s.keys; ++j)
      for (int64_t i = 0; i < loops.s.width; ++i)
        c.out().v[loops.q_at(b, h, t) + i] += p[j] * c.in(2).v[loops.k_at(b, h, j) + i];
  });
}

void pattern_reference(RefContext& c) {
  const HeadLoops loops{AttentionShape::of(c.in(0).type, c.in(1).type, c.attrs())};
  auto out = c.out().v.begin();
  loops.each([&](int64_t b, int64_t h, int64_t t) {
    out = std::ranges::copy(loops.row(c.in(0).v, c.in(1).v, b, h, t), out).out;
  });
}

void mix_reference(RefContext& c) {
  const Doubles &p = c.in(0).v, &v = c.in(1).v;
  const Shape& s = c.in(0).type.shape;
  HeadLoops loops;
  loops.s = {.batch = s[0], .queries = s[2], .keys = s[3], .heads = s[1]};
  loops.s.kv_heads = c.attrs().integer("kv_heads");
  loops.s.width = c.in(1).type.shape[2] / loops.s.kv_heads;
  loops.each([&](int64_t b, int64_t h, int64_t t) {
    const int64_t row = ((b * s[1] + h) * s[2] + t) * s[3];
    for (int64_t j = 0; j < s[3]; ++j)
      for (int64_t i = 0; i < loops.s.width; ++i)
        c.out().v[loops.q_at(b, h, t) + i] += p[row + j] * v[loops.k_at(b, h, j) + i];
  });
}

void grad_reference(RefContext& c) {
  const HeadLoops loops{AttentionShape::of(c.in(0).type, c.in(1).type, c.attrs())};
  const AttentionShape& s = loops.s;
  const Doubles &q = c.in(0).v, &k = c.in(1).v, &v = c.in(2).v, &dy = c.in(3).v;
  const int64_t wide = s.heads * s.width, narrow = s.kv_heads * s.width;
  // Where a number of q or k goes in a row of dq, dk, dv.
  const auto at = [&](int64_t position, int64_t columns, int64_t offset) {
    return position / columns * (wide + 2 * narrow) + offset + position % columns;
  };
  loops.each([&](int64_t b, int64_t h, int64_t t) {
    const int64_t q_at = loops.q_at(b, h, t);
    const Doubles p = loops.row(q, k, b, h, t);
    Doubles dp(s.keys);
    double mean = 0;
    for (int64_t j = 0; j < s.keys; ++j) {
      dp[j] = loops.dot(dy, q_at, v, loops.k_at(b, h, j));
      mean += p[j] * dp[j];
    }
    for (int64_t j = 0; j < s.keys; ++j) {
      const int64_t k_at = loops.k_at(b, h, j);
      const double ds = p[j] * (dp[j] - mean) * s.scale;
      for (int64_t i = 0; i < s.width; ++i) {
        c.out().v[at(q_at + i, wide, 0)] += ds * k[k_at + i];
        c.out().v[at(k_at + i, narrow, wide)] += ds * q[q_at + i];
        c.out().v[at(k_at + i, narrow, wide + narrow)] += p[j] * dy[q_at + i];
      }
    }
  });
}

// Two products forward, five backward; keys that a mask hides are counted, though not computed.
double attention_flops(std::span<const Type> in, const Type&) {
  return 4.0 * static_cast<double>(in[0].count()) * static_cast<double>(in[1].shape[1]);
}
double attention_grad_flops(std::span<const Type> in, const Type&) {
  return 10.0 * static_cast<double>(in[0].count()) * static_cast<double>(in[1].shape[1]);
}
double pattern_flops(std::span<const Type> in, const Type&) {
  return 2.0 * static_cast<double>(in[0].count()) * static_cast<double>(in[1].shape[1]);
}
double mix_flops(std::span<const Type> in, const Type& out) {
  return 2.0 * static_cast<double>(out.count()) * static_cast<double>(in[0].shape[3]);
}

Attrs attrs_of(const AttentionOptions& o) {
  return {{"heads", o.heads},
          {"kv_heads", o.kv_heads},
          {"scale", o.scale},
          {"causal", int64_t{o.causal}},
          {"window", o.window}};
}

// Options with what was left open, for heads of so wide a value.
AttentionOptions filled(AttentionOptions o, int64_t columns) {
  if (o.kv_heads == 0) o.kv_heads = o.heads;
  require(o.heads >= 1 && o.kv_heads >= 1 && o.window >= 0,
          "attention: heads must be at least 1 and a window at least 0, got {}, {} and {}", o.heads,
          o.kv_heads, o.window);
  if (o.scale == 0)
    o.scale = 1 / std::sqrt(static_cast<double>(columns) / static_cast<double>(o.heads));
  return o;
}

}  // namespace

namespace ops {
void plan_attention(cpu::Planner& p, int id);          // attention_cpu.cpp
void plan_attention_grad(cpu::Planner& p, int id);
void plan_attention_pattern(cpu::Planner& p, int id);
void plan_attention_mix(cpu::Planner& p, int id);

const OpDef attention = {.name = "attention",
                         .arity = 3,
                         .type = attention_type,
                         .grad = attention_gradient,
                         .reference = attention_reference,
                         .cpu = &cpu::planned_by<plan_attention>,
                         .flops = attention_flops};
const OpDef attention_grad = {.name = "attention_grad",
                              .arity = 4,
                              .type = grad_type,
                              .grad = attention_grad_gradient,
                              .reference = grad_reference,
                              .cpu = &cpu::planned_by<plan_attention_grad>,
                              .flops = attention_grad_flops};
const OpDef attention_pattern = {.name = "attention_pattern",
                                 .arity = 2,
                                 .type = pattern_type,
                                 .grad = pattern_gradient,
                                 .reference = pattern_reference,
                                 .cpu = &cpu::planned_by<plan_attention_pattern>,
                                 .flops = pattern_flops};
const OpDef attention_mix = {.name = "attention_mix",
                             .arity = 2,
                             .type = mix_type,
                             .grad = mix_gradient,
                             .reference = mix_reference,
                             .cpu = &cpu::planned_by<plan_attention_mix>,
                             .flops = mix_flops};
}  // namespace ops

Value attention(Value q, Value k, Value v, const AttentionOptions& options) {
  return q.graph->add(ops::attention, {q, k, v}, attrs_of(filled(options, q.dim(-1))));
}

Value attention_pattern(Value q, Value k, const AttentionOptions& options) {
  return q.graph->add(ops::attention_pattern, {q, k}, attrs_of(filled(options, q.dim(-1))));
}

Value attention_mix(Value pattern, Value v, const AttentionOptions& options) {
  AttentionOptions o = filled(options, v.dim(-1));
  return v.graph->add(ops::attention_mix, {pattern, v}, attrs_of(o));
}

Value attention_composed(Value q, Value k, Value v, const AttentionOptions& options) {
  const AttentionOptions o = filled(options, q.dim(-1));
  return mix_composed(pattern_composed(q, k, o), v, o);
}

}  // namespace omni
