#include "ops/gather.h"

#include <algorithm>

#include "cpu/op_plan.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

void require_index(const Type& index, const char* op) {
  require(index.dtype == DType::i32, "{}: the index must be i32, got {}", op, index);
}

// Whether `whole` begins with the dimensions of `front`.
bool begins_with(const Shape& whole, const Shape& front) {
  return whole.rank() >= front.rank() &&
         std::equal(front.begin(), front.end(), whole.begin());
}

void no_grad(GradContext&) {}

// --- gather ---

Type gather_type(std::span<const Type> in, const Attrs&) {
  require_index(in[1], "gather");
  require(in[0].shape.rank() >= 1 && in[0].shape[0] >= 1,
          "gather: the table needs at least one row, got {}", in[0]);
  std::vector<int64_t> dims = in[1].shape.dims();
  dims.insert(dims.end(), in[0].shape.begin() + 1, in[0].shape.end());
  return {in[0].dtype, Shape(dims), in[0].batch == kNoBatch ? in[1].batch : kMixedBatch};
}

void gather_grad(GradContext& c) {
  if (is_float(c.x(0).type().dtype)) c.add(0, scatter_add(c.dy(), c.x(1), c.x(0).dim(0)));
}

void gather_reference(RefContext& c) {
  const RefArray &table = c.in(0), &index = c.in(1);
  const int64_t rows = table.type.shape[0], width = table.type.count() / rows;
  for (size_t i = 0; i < index.v.size(); ++i)
    for (int64_t j = 0; j < width; ++j)
      if (index.v[i] >= 0 && index.v[i] < static_cast<double>(rows))
        c.out().v[i * width + j] = table.v[static_cast<int64_t>(index.v[i]) * width + j];
}

// --- scatter_add ---

// The batch axis of a sum over the axes of the index.
int scattered_batch(const Type& rows, const Type& index) {
  const int index_rank = index.shape.rank();
  if (rows.batch >= 0 && rows.batch == index.batch) return kNoBatch;  // summed
  if (index.batch != kNoBatch) return kMixedBatch;
  if (rows.batch < 0) return rows.batch;
  return rows.batch < index_rank ? kMixedBatch : rows.batch - index_rank + 1;
}

Type scatter_add_type(std::span<const Type> in, const Attrs& a) {
  require_index(in[1], "scatter_add");
  require(is_float(in[0].dtype), "scatter_add: the rows must be f32, got {}", in[0]);
  require(begins_with(in[0].shape, in[1].shape),
          "scatter_add: rows {} do not begin with the axes of the index {}", in[0], in[1]);
  require(a.integer("count") >= 1, "scatter_add: count must be at least 1, got {}",
          a.integer("count"));
  std::vector<int64_t> dims = {a.integer("count")};
  dims.insert(dims.end(), in[0].shape.begin() + in[1].shape.rank(), in[0].shape.end());
  return {DType::f32, Shape(dims), scattered_batch(in[0], in[1])};
}

void scatter_add_grad(GradContext& c) { c.add(0, gather(c.dy(), c.x(1))); }

void scatter_add_reference(RefContext& c) {
  const RefArray &rows = c.in(0), &index = c.in(1);
  const int64_t count = c.out().type.shape[0], width = c.out().type.count() / count;
  for (size_t i = 0; i < index.v.size(); ++i)
    for (int64_t j = 0; j < width; ++j)
      if (index.v[i] >= 0 && index.v[i] < static_cast<double>(count))
        c.out().v[static_cast<int64_t>(index.v[i]) * width + j] += rows.v[i * width + j];
}

// --- put_rows ---

Type put_rows_type(std::span<const Type> in, const Attrs&) {
  const Type &into = in[0], &rows = in[1], &index = in[2];
  require_index(index, "put_rows");
  require(is_float(into.dtype) && is_float(rows.dtype) && into.shape.rank() >= 1,
          "put_rows: rows are put into an array of f32, got {} and {}", into, rows);
  std::vector<int64_t> dims = index.shape.dims();
  dims.insert(dims.end(), into.shape.begin() + 1, into.shape.end());
  require(rows.shape == Shape(dims), "put_rows: rows of {} at an index {} are {}, got {}", into,
          index, Shape(dims), rows);
  const bool whole = into.batch == kNoBatch && rows.batch == kNoBatch && index.batch == kNoBatch;
  return {DType::f32, into.shape, whole ? kNoBatch : kMixedBatch};
}

void put_rows_grad(GradContext& c) {
  const Value nothing = broadcast_to(constant(c.graph(), 0), c.x(1).shape());
  c.add(0, put_rows(c.dy(), nothing, c.x(2)));
  c.add(1, gather(c.dy(), c.x(2)));
}

void put_rows_reference(RefContext& c) {
  const RefArray &rows = c.in(1), &index = c.in(2);
  const int64_t count = c.out().type.shape[0],
                width = c.out().type.count() / std::max<int64_t>(count, 1);
  c.out().v = c.in(0).v;
  for (size_t i = 0; i < index.v.size(); ++i)
    for (int64_t j = 0; j < width; ++j)
      if (index.v[i] >= 0 && index.v[i] < static_cast<double>(count))
        c.out().v[static_cast<int64_t>(index.v[i]) * width + j] = rows.v[i * width + j];
}

// --- one_hot ---

Type one_hot_type(std::span<const Type> in, const Attrs& a) {
  require_index(in[0], "one_hot");
  require(a.integer("classes") >= 1, "one_hot: classes must be at least 1, got {}",
          a.integer("classes"));
  std::vector<int64_t> dims = in[0].shape.dims();
  dims.push_back(a.integer("classes"));
  return {DType::f32, Shape(dims), in[0].batch};
}

void one_hot_reference(RefContext& c) {
  const RefArray& index = c.in(0);
  const int64_t classes = c.attrs().integer("classes");
  for (size_t i = 0; i < index.v.size(); ++i)
    if (index.v[i] >= 0 && index.v[i] < static_cast<double>(classes))
      c.out().v[i * classes + static_cast<int64_t>(index.v[i])] = 1;
}

// --- take_last ---

Type take_last_type(std::span<const Type> in, const Attrs&) {
  require_index(in[1], "take_last");
  require(is_float(in[0].dtype), "take_last: the values must be f32, got {}", in[0]);
  require(in[0].shape.rank() == in[1].shape.rank() + 1 && begins_with(in[0].shape, in[1].shape),
          "take_last: {} needs an index of its shape without the last axis, got {}", in[0], in[1]);
  return {DType::f32, in[1].shape, in[0].batch == in[1].batch ? in[0].batch : kMixedBatch};
}

void take_last_grad(GradContext& c) {
  std::vector<int64_t> column = c.x(1).shape().dims();
  column.push_back(1);
  c.add(0, one_hot(c.x(1), c.x(0).dim(-1)) * reshape(c.dy(), Shape(column)));
}

void take_last_reference(RefContext& c) {
  const RefArray &in = c.in(0), &index = c.in(1);
  const int64_t classes = in.type.shape.back();
  for (size_t i = 0; i < index.v.size(); ++i)
    if (index.v[i] >= 0 && index.v[i] < static_cast<double>(classes))
      c.out().v[i] = in.v[i * classes + static_cast<int64_t>(index.v[i])];
}

}  // namespace

namespace ops {
void plan_gather(cpu::Planner& p, int id);  // gather_cpu.cpp
void plan_scatter_add(cpu::Planner& p, int id);
void plan_put_rows(cpu::Planner& p, int id);
void plan_one_hot(cpu::Planner& p, int id);
void plan_take_last(cpu::Planner& p, int id);

const OpDef gather = {.name = "gather",
                      .arity = 2,
                      .type = gather_type,
                      .grad = gather_grad,
                      .reference = gather_reference,
                      .cpu = &cpu::planned_by<plan_gather>,
                      .row_gather = true};
const OpDef scatter_add = {.name = "scatter_add",
                           .arity = 2,
                           .type = scatter_add_type,
                           .grad = scatter_add_grad,
                           .reference = scatter_add_reference,
                           .cpu = &cpu::planned_by<plan_scatter_add>};
const OpDef put_rows = {.name = "put_rows",
                        .arity = 3,
                        .type = put_rows_type,
                        .grad = put_rows_grad,
                        .reference = put_rows_reference,
                        .cpu = &cpu::planned_by<plan_put_rows>};
const OpDef one_hot = {.name = "one_hot",
                       .arity = 1,
                       .type = one_hot_type,
                       .grad = no_grad,
                       .reference = one_hot_reference,
                       .cpu = &cpu::planned_by<plan_one_hot>};
const OpDef take_last = {.name = "take_last",
                         .arity = 2,
                         .type = take_last_type,
                         .grad = take_last_grad,
                         .reference = take_last_reference,
                         .cpu = &cpu::planned_by<plan_take_last>};
}  // namespace ops

Value gather(Value table, Value index) { return table.graph->add(ops::gather, {table, index}); }

Value embedding(Value table, Value index) {
  require(table.type().dtype == DType::f32 && table.shape().rank() == 2,
          "embedding: the table must be f32 [N, width], got {}", table.type());
  return gather(table, index);
}

Value scatter_add(Value rows, Value index, int64_t count) {
  return rows.graph->add(ops::scatter_add, {rows, index}, {{"count", count}});
}

Value put_rows(Value into, Value rows, Value index) {
  return into.graph->add(ops::put_rows, {into, rows, index});
}

Value one_hot(Value index, int64_t classes) {
  return index.graph->add(ops::one_hot, {index}, {{"classes", classes}});
}

Value take_last(Value v, Value index) { return v.graph->add(ops::take_last, {v, index}); }

}  // namespace omni
