// What reductions mean: shapes, batch axes, gradients and plain loops.
#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/op_plan.h"
#include "ops/elementwise.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

struct Reduced {
  Shape shape;
  int batch;  // of what remains; kNoBatch where the batch axis itself is reduced
  bool over_batch;
};

Reduced reduced(const Type& t, const Attrs& attrs, const char* op) {
  require(is_float(t.dtype), "{}: the input must be f32, got {}", op, t);
  const std::vector<int64_t>& axes = attrs.list("axes");
  require(!axes.empty(), "{}: no axes to reduce were given for {}", op, t);
  std::vector<bool> gone(t.shape.rank());
  for (const int64_t axis : axes) {
    const int i = normal_axis(axis, t.shape.rank(), op);
    require(!gone[i], "{}: axis {} is given twice", op, i);
    gone[i] = true;
  }
  std::vector<int64_t> dims;
  Reduced out{{}, t.batch == kMixedBatch ? kMixedBatch : kNoBatch, false};
  for (int i = 0; i < t.shape.rank(); ++i) {
    if (i == t.batch && gone[i]) out.over_batch = true;
    if (i == t.batch && !gone[i]) out.batch = static_cast<int>(dims.size());
    if (!gone[i]) dims.push_back(t.shape[i]);
    if (gone[i] && attrs.integer("keep")) dims.push_back(1);
  }
  out.shape = Shape(dims);
  return out;
}

Type sum_type(std::span<const Type> in, const Attrs& attrs) {
  const Reduced r = reduced(in[0], attrs, "reduce_sum");
  return {DType::f32, r.shape, r.batch};
}

Type extreme_type(const Type& t, const Attrs& attrs, const char* op) {
  const Reduced r = reduced(t, attrs, op);
  require(t.count() > 0, "{}: nothing to choose from in {}", op, t);
  return {DType::f32, r.shape, r.over_batch ? kMixedBatch : r.batch};
}
Type max_type(std::span<const Type> in, const Attrs& attrs) {
  return extreme_type(in[0], attrs, "reduce_max");
}
Type min_type(std::span<const Type> in, const Attrs& attrs) {
  return extreme_type(in[0], attrs, "reduce_min");
}

// v, of the output's shape, with the reduced axes back as axes of length 1.
Value with_axes(Value v, const Shape& input, const std::vector<int64_t>& axes) {
  std::vector<int64_t> dims = input.dims();
  for (const int64_t axis : axes) dims[axis] = 1;
  return v.shape() == Shape(dims) ? v : reshape(v, Shape(dims));
}

void sum_grad(GradContext& c) {
  const Type& x = c.x(0).type();
  const Value dy = with_axes(c.dy(), x.shape, c.attrs().list("axes"));
  const int batch = dy.type().batch == kNoBatch ? x.batch : dy.type().batch;
  c.add(0, broadcast_to(dy, x.shape, batch));
}

void extreme_grad(GradContext& c) {
  const std::vector<int64_t> axes = c.attrs().list("axes");
  const Value x = c.x(0);
  const Value chosen = equal(x, with_axes(c.y(), x.shape(), axes));
  const Value share = with_axes(c.dy(), x.shape(), axes) / reduce_sum(chosen, axes, true);
  c.add(0, chosen * share);
}

// Calls visit(input index, output index) for every element in order.
template <class Visit>
void for_each_element(const Shape& in, const std::vector<int64_t>& axes, Visit visit) {
  std::vector<int64_t> stride(in.rank()), at(in.rank());
  int64_t s = 1;
  for (int i = in.rank() - 1; i >= 0; --i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      stride[i] = s;
      s *= in[i];
    }
  for (int64_t flat = 0; flat < in.count(); ++flat) {
    int64_t rest = flat, out = 0;
    for (int i = in.rank() - 1; i >= 0; rest /= in[i--]) out += rest % in[i] * stride[i];
    visit(flat, out);
  }
}

void sum_reference(RefContext& c) {
  for_each_element(c.in(0).type.shape, c.attrs().list("axes"),
                   [&](int64_t i, int64_t o) { c.out().v[o] += c.in(0).v[i]; });
}

template <bool kLargest>
void extreme_reference(RefContext& c) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::ranges::fill(c.out().v, kLargest ? -kInfinity : kInfinity);
  for_each_element(c.in(0).type.shape, c.attrs().list("axes"), [&](int64_t i, int64_t o) {
    const double x = c.in(0).v[i];
    double& best = c.out().v[o];
    if (std::isnan(x) || (kLargest ? x > best : x < best)) best = x;
  });
}

Type arg_max_type(std::span<const Type> in, const Attrs& attrs) {
  const Type& t = in[0];
  require(is_float(t.dtype), "arg_max: the input must be f32, got {}", t);
  require(t.count() > 0, "arg_max: nothing to choose from in {}", t);
  const int axis = normal_axis(attrs.integer("axis"), t.shape.rank(), "arg_max");
  std::vector<int64_t> dims = t.shape.dims();
  dims.erase(dims.begin() + axis);
  int batch = t.batch;
  if (batch >= 0) batch = batch == axis ? kMixedBatch : batch - (batch > axis);
  return {DType::i32, Shape(dims), batch};
}

void arg_max_reference(RefContext& c) {
  const Shape& s = c.in(0).type.shape;
  const auto axis = static_cast<int>(c.attrs().integer("axis"));
  int64_t inner = 1;
  for (int i = axis + 1; i < s.rank(); ++i) inner *= s[i];
  for (int64_t o = 0; o < c.out().type.count(); ++o) {
    const double* x = &c.in(0).v[o / inner * inner * s[axis] + o % inner];
    int64_t best = 0;
    for (int64_t i = 1; i < s[axis] && !std::isnan(x[best * inner]); ++i)
      if (std::isnan(x[i * inner]) || x[i * inner] > x[best * inner]) best = i;
    c.out().v[o] = static_cast<double>(best);
  }
}

Value reduce(const OpDef& op, Value v, std::vector<int64_t> axes, bool keep) {
  for (int64_t& axis : axes) axis = normal_axis(axis, v.shape().rank(), op.name);
  std::ranges::sort(axes);
  return v.graph->add(op, {v}, {{"axes", axes}, {"keep", int64_t{keep}}});
}

std::vector<int64_t> all_axes(Value v) {
  std::vector<int64_t> axes(v.shape().rank());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  return axes;
}

}  // namespace

namespace ops {
void plan_reduce_sum(cpu::Planner& p, int id);  // reduce_cpu.cpp
void plan_reduce_max(cpu::Planner& p, int id);
void plan_reduce_min(cpu::Planner& p, int id);
void plan_arg_max(cpu::Planner& p, int id);

const OpDef reduce_sum = {.name = "reduce_sum",
                          .arity = 1,
                          .type = sum_type,
                          .grad = sum_grad,
                          .reference = sum_reference,
                          .cpu = &cpu::planned_by<plan_reduce_sum>,
                          .takes_bf16 = true};
const OpDef reduce_max = {.name = "reduce_max",
                          .arity = 1,
                          .type = max_type,
                          .grad = extreme_grad,
                          .reference = extreme_reference<true>,
                          .cpu = &cpu::planned_by<plan_reduce_max>};
const OpDef reduce_min = {.name = "reduce_min",
                          .arity = 1,
                          .type = min_type,
                          .grad = extreme_grad,
                          .reference = extreme_reference<false>,
                          .cpu = &cpu::planned_by<plan_reduce_min>};
const OpDef arg_max = {.name = "arg_max",
                       .arity = 1,
                       .type = arg_max_type,
                       .reference = arg_max_reference,
                       .cpu = &cpu::planned_by<plan_arg_max>};
}  // namespace ops

Value reduce_sum(Value v, std::vector<int64_t> axes, bool keep) {
  return reduce(ops::reduce_sum, v, std::move(axes), keep);
}
Value reduce_max(Value v, std::vector<int64_t> axes, bool keep) {
  return reduce(ops::reduce_max, v, std::move(axes), keep);
}
Value reduce_min(Value v, std::vector<int64_t> axes, bool keep) {
  return reduce(ops::reduce_min, v, std::move(axes), keep);
}

Value sum(Value v) { return v.shape().rank() == 0 ? v : reduce_sum(v, all_axes(v)); }
Value mean(Value v) { return v.shape().rank() == 0 ? v : mean(v, all_axes(v)); }

Value mean(Value v, std::vector<int64_t> axes, bool keep) {
  const Value total = reduce_sum(v, std::move(axes), keep);
  require(v.type().count() > 0, "mean: nothing to average in {}", v.type());
  const int64_t terms = v.type().count() / total.type().count();
  return total * (1.0 / static_cast<double>(terms));
}

Value arg_max(Value v, int64_t axis) {
  const int64_t at = normal_axis(axis, v.shape().rank(), "arg_max");
  return v.graph->add(ops::arg_max, {v}, {{"axis", at}});
}

}  // namespace omni
