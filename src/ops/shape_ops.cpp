#include "ops/shape_ops.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cpu/op_plan.h"

namespace omni {
namespace {

// --- reshape ---

// The output axis that counts the samples which input axis in.batch counted.
int reshaped_batch(const Type& in, const Shape& out) {
  if (in.batch < 0) return in.batch;
  int64_t wanted_before = 1;
  for (int i = 0; i < in.batch; ++i) wanted_before *= in.shape[i];
  int found = kMixedBatch;
  int64_t before = 1;
  for (int i = 0; i < out.rank(); before *= out[i++]) {
    if (before != wanted_before || out[i] != in.shape[in.batch]) continue;
    if (found == kMixedBatch || i == in.batch) found = i;
  }
  return found;
}

Type reshape_type(std::span<const Type> in, const Attrs& a) {
  const Shape out(a.list("shape"));
  require(std::ranges::all_of(out, [](int64_t d) { return d >= 1; }) &&
              out.count() == in[0].count(),
          "reshape: {} has {} elements, the shape {} has {}", in[0], in[0].count(), out,
          out.count());
  return {in[0].dtype, out, reshaped_batch(in[0], out)};
}

void reshape_grad(GradContext& c) { c.add(0, reshape(c.dy(), c.x(0).shape())); }
void reshape_reference(RefContext& c) { c.out().v = c.in(0).v; }

// --- transpose ---

Type transpose_type(std::span<const Type> in, const Attrs& a) {
  const std::vector<int64_t>& perm = a.list("perm");
  const int rank = in[0].shape.rank();
  Type out{in[0].dtype, in[0].shape, std::min(in[0].batch, kNoBatch)};
  std::vector<bool> seen(rank);
  require(static_cast<int>(perm.size()) == rank, "transpose: {} has {} axes, the order [{}] has {}",
          in[0], rank, fmt::join(perm, ", "), perm.size());
  for (int i = 0; i < rank; ++i) {
    const int from = normal_axis(perm[i], rank, "transpose");
    require(!seen[from], "transpose: axis {} is named twice in the order [{}]", from,
            fmt::join(perm, ", "));
    seen[from] = true;
    out.shape[i] = in[0].shape[from];
    if (from == in[0].batch) out.batch = i;
  }
  return out;
}

void transpose_grad(GradContext& c) {
  const std::vector<int64_t>& perm = c.attrs().list("perm");
  std::vector<int64_t> inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) inverse[perm[i]] = static_cast<int64_t>(i);
  c.add(0, transpose(c.dy(), inverse));
}

// Calls visit(i, index) for every element i, at multi-index `index`, of a value of this shape.
void for_each_index(const Shape& shape, auto visit) {
  std::vector<int64_t> index(shape.rank());
  for (int64_t i = 0; i < shape.count(); ++i) {
    visit(i, index);
    for (int axis = shape.rank() - 1; axis >= 0 && ++index[axis] == shape[axis]; --axis)
      index[axis] = 0;
  }
}

// The position in a dense value of this shape of the element at index + shift.
int64_t position(const Shape& shape, const std::vector<int64_t>& index,
                 const std::vector<int64_t>& shift) {
  int64_t at = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    at = at * shape[axis] + index[axis] + shift[axis];
  return at;
}

void transpose_reference(RefContext& c) {
  const RefArray& in = c.in(0);
  const std::vector<int64_t>& perm = c.attrs().list("perm");
  const std::vector<int64_t> none(perm.size());
  std::vector<int64_t> from(perm.size());
  for_each_index(c.out().type.shape, [&](int64_t i, const std::vector<int64_t>& index) {
    for (size_t axis = 0; axis < perm.size(); ++axis) from[perm[axis]] = index[axis];
    c.out().v[i] = in.v[position(in.type.shape, from, none)];
  });
}

// --- slice ---

Type slice_type(std::span<const Type> in, const Attrs& a) {
  const std::vector<int64_t>&begins = a.list("begins"), &ends = a.list("ends");
  const int rank = in[0].shape.rank();
  require(static_cast<int>(begins.size()) == rank && static_cast<int>(ends.size()) == rank,
          "slice: {} has {} axes, got {} begins and {} ends", in[0], rank, begins.size(),
          ends.size());
  Type out = in[0];
  for (int i = 0; i < rank; ++i) {
    const int64_t dim = in[0].shape[i], end = ends[i] == kToEnd ? dim : ends[i];
    require(0 <= begins[i] && begins[i] < end && end <= dim,
            "slice: {}..{} is not a part of axis {} of {}; wanted 0 <= begin < end <= {}",
            begins[i], end, i, in[0], dim);
    out.shape[i] = end - begins[i];
    if (i == in[0].batch && out.shape[i] != dim) out.batch = kMixedBatch;
  }
  return out;
}

void slice_grad(GradContext& c) {
  const std::vector<int64_t>&begins = c.attrs().list("begins"), &ends = c.attrs().list("ends");
  std::vector<int64_t> after(begins.size());
  for (size_t i = 0; i < after.size(); ++i)
    after[i] = ends[i] == kToEnd ? 0 : c.x(0).shape()[static_cast<int>(i)] - ends[i];
  c.add(0, pad(c.dy(), begins, after));
}

void slice_reference(RefContext& c) {
  const RefArray& in = c.in(0);
  for_each_index(c.out().type.shape, [&](int64_t i, const std::vector<int64_t>& index) {
    c.out().v[i] = in.v[position(in.type.shape, index, c.attrs().list("begins"))];
  });
}

// --- concat ---

Type concat_type(std::span<const Type> in, const Attrs& a) {
  require(!in.empty(), "concat: no values");
  const int axis = normal_axis(a.integer("axis"), in[0].shape.rank(), "concat");
  Type out = in[0];
  out.shape[axis] = 0;
  for (const Type& t : in) {
    require(t.dtype == out.dtype, "concat: {} and {} have different dtypes", in[0], t);
    bool fits = t.shape.rank() == out.shape.rank();
    for (int i = 0; fits && i < out.shape.rank(); ++i)
      fits = i == axis || t.shape[i] == out.shape[i];
    require(fits, "concat: {} and {} differ in more than axis {}", in[0], t, axis);
    out.shape[axis] += t.shape[axis];
    if (t.batch != out.batch || t.batch == axis) out.batch = kMixedBatch;
  }
  return out;
}

void concat_grad(GradContext& c) {
  const int axis = static_cast<int>(c.attrs().integer("axis"));
  int64_t begin = 0;
  for (int i = 0; i < static_cast<int>(c.d.size()); ++i) {
    const int64_t end = begin + c.x(i).dim(axis);
    if (is_float(c.x(i).type().dtype)) c.add(i, slice(c.dy(), axis, begin, end));
    begin = end;
  }
}

void concat_reference(RefContext& c) {
  const int axis = static_cast<int>(c.attrs().integer("axis"));
  const Shape& out = c.out().type.shape;
  std::vector<int64_t> shift(out.rank());
  for (int k = 0; k < c.arity(); ++k) {
    const RefArray& in = c.in(k);
    for_each_index(in.type.shape, [&](int64_t i, const std::vector<int64_t>& index) {
      c.out().v[position(out, index, shift)] = in.v[i];
    });
    shift[axis] += in.type.shape[axis];
  }
}

// --- pad ---

Type pad_type(std::span<const Type> in, const Attrs& a) {
  const std::vector<int64_t>&before = a.list("before"), &after = a.list("after");
  const int rank = in[0].shape.rank();
  require(static_cast<int>(before.size()) == rank && static_cast<int>(after.size()) == rank,
          "pad: {} has {} axes, got {} widths before and {} after", in[0], rank, before.size(),
          after.size());
  Type out = in[0];
  for (int i = 0; i < rank; ++i) {
    require(before[i] >= 0 && after[i] >= 0,
            "pad: widths {} and {} of axis {} must not be negative; to cut, use slice", before[i],
            after[i], i);
    out.shape[i] += before[i] + after[i];
    if (i == in[0].batch && out.shape[i] != in[0].shape[i]) out.batch = kMixedBatch;
  }
  return out;
}

void pad_grad(GradContext& c) {
  const std::vector<int64_t>&before = c.attrs().list("before"), &after = c.attrs().list("after");
  std::vector<int64_t> ends(before.size());
  for (size_t i = 0; i < ends.size(); ++i)
    ends[i] = after[i] == 0 ? kToEnd : before[i] + c.x(0).shape()[static_cast<int>(i)];
  c.add(0, slice(c.dy(), before, ends));
}

void pad_reference(RefContext& c) {
  const RefArray& in = c.in(0);
  std::ranges::fill(c.out().v, static_cast<float>(c.attrs().number("value")));
  for_each_index(in.type.shape, [&](int64_t i, const std::vector<int64_t>& index) {
    c.out().v[position(c.out().type.shape, index, c.attrs().list("before"))] = in.v[i];
  });
}

}  // namespace

namespace ops {
void plan_transpose(cpu::Planner& p, int id);  // shape_ops_cpu.cpp
void plan_slice(cpu::Planner& p, int id);
void plan_concat(cpu::Planner& p, int id);
void plan_pad(cpu::Planner& p, int id);

const OpDef reshape = {.name = "reshape",
                       .arity = 1,
                       .type = reshape_type,
                       .grad = reshape_grad,
                       .reference = reshape_reference,
                       .alias = true};
const OpDef transpose = {.name = "transpose",
                         .arity = 1,
                         .type = transpose_type,
                         .grad = transpose_grad,
                         .reference = transpose_reference,
                         .cpu = &cpu::planned_by<plan_transpose>};
const OpDef slice = {.name = "slice",
                     .arity = 1,
                     .type = slice_type,
                     .grad = slice_grad,
                     .reference = slice_reference,
                     .cpu = &cpu::planned_by<plan_slice>};
const OpDef concat = {.name = "concat",
                      .arity = kAnyArity,
                      .type = concat_type,
                      .grad = concat_grad,
                      .reference = concat_reference,
                      .cpu = &cpu::planned_by<plan_concat>};
const OpDef pad = {.name = "pad",
                   .arity = 1,
                   .type = pad_type,
                   .grad = pad_grad,
                   .reference = pad_reference,
                   .cpu = &cpu::planned_by<plan_pad>};
}  // namespace ops

Value reshape(Value v, Shape shape) {
  int open = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) {
      known *= shape[i];
      continue;
    }
    require(open < 0, "reshape: {} leaves more than one dimension open", shape);
    open = i;
  }
  if (open >= 0) {
    require(known > 0 && v.type().count() % known == 0,
            "reshape: {} cannot be cut into {}: {} elements are no multiple of {}", v.type(), shape,
            v.type().count(), known);
    shape[open] = v.type().count() / known;
  }
  return v.graph->add(ops::reshape, {v}, {{"shape", shape.dims()}});
}

Value flatten(Value v) { return reshape(v, {v.dim(0), -1}); }

Value transpose(Value v, std::vector<int64_t> perm) {
  for (int64_t& axis : perm) axis = normal_axis(axis, v.shape().rank(), "transpose");
  return v.graph->add(ops::transpose, {v}, {{"perm", std::move(perm)}});
}

Value slice(Value v, int64_t axis, int64_t begin, int64_t end) {
  const int at = normal_axis(axis, v.shape().rank(), "slice");
  std::vector<int64_t> begins(v.shape().rank(), 0), ends(v.shape().rank(), kToEnd);
  begins[at] = begin;
  ends[at] = end;
  return slice(v, std::move(begins), std::move(ends));
}

Value slice(Value v, std::vector<int64_t> begins, std::vector<int64_t> ends) {
  // "To the end" stays true when the batch is cut into shorter slices.
  for (int i = 0; i < v.shape().rank() && i < static_cast<int>(ends.size()); ++i)
    if (ends[i] == v.shape()[i]) ends[i] = kToEnd;
  return v.graph->add(ops::slice, {v}, {{"begins", std::move(begins)}, {"ends", std::move(ends)}});
}

Value concat(std::span<const Value> values, int64_t axis) {
  require(!values.empty(), "concat: no values");
  const int64_t at = normal_axis(axis, values[0].shape().rank(), "concat");
  return values[0].graph->add(ops::concat, values, {{"axis", at}});
}

Value concat(std::initializer_list<Value> values, int64_t axis) {
  return concat(std::span(values.begin(), values.size()), axis);
}

Value pad(Value v, std::vector<int64_t> before, std::vector<int64_t> after, double value) {
  return v.graph->add(
      ops::pad, {v},
      {{"before", std::move(before)}, {"after", std::move(after)}, {"value", value}});
}

}  // namespace omni
