// What softmax and the losses on logits mean: shapes, batch axes, gradients and plain loops.
#include "ops/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cpu/op_plan.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

// --- Types ---

void require_rows(const Type& t, const char* op) {
  require(is_float(t.dtype), "{}: logits must be f32, got {}", op, t);
  require(t.shape.rank() >= 1, "{}: logits need at least one axis, got {}", op, t);
  require(t.shape.back() > 0, "{}: there are no classes in {}", op, t);
}

// The batch axis of results whose rows are t's: the classes of one row depend on each other.
int row_batch(const Type& t) { return t.batch == t.shape.rank() - 1 ? kMixedBatch : t.batch; }
int common_batch(int a, int b) { return a == b ? a : kMixedBatch; }

Shape rows_of(const Type& t) {
  return Shape(std::vector<int64_t>(t.shape.begin(), t.shape.end() - 1));
}

template <const char* kName>
Type same_type(std::span<const Type> in, const Attrs&) {
  require_rows(in[0], kName);
  return {DType::f32, in[0].shape, row_batch(in[0])};
}

void require_labels(const Type& logits, const Type& labels, const char* op) {
  require_rows(logits, op);
  require(labels.dtype == DType::i32, "{}: labels must be i32, got {}", op, labels);
  require(labels.shape == rows_of(logits), "{}: logits {} want labels {}, got {}", op, logits,
          rows_of(logits), labels);
}

Type cross_entropy_type(std::span<const Type> in, const Attrs&) {
  require_labels(in[0], in[1], "softmax_cross_entropy");
  return {DType::f32, in[1].shape, common_batch(row_batch(in[0]), in[1].batch)};
}

Type cross_entropy_grad_type(std::span<const Type> in, const Attrs&) {
  constexpr const char* kName = "softmax_cross_entropy_grad";
  require_labels(in[0], in[1], kName);
  require(is_float(in[2].dtype) && in[2].shape == in[1].shape, "{}: dy must be f32{}, got {}",
          kName, in[1].shape, in[2]);
  const int batch = common_batch(row_batch(in[0]), in[1].batch);
  return {DType::f32, in[0].shape, common_batch(batch, in[2].batch)};
}

Type kl_type(std::span<const Type> in, const Attrs&) {
  for (const Type& t : in) require_rows(t, "kl_divergence");
  require(in[0].shape == in[1].shape, "kl_divergence: the teacher's logits are {}, the student's "
          "{}", in[0], in[1]);
  return {DType::f32, rows_of(in[0]), common_batch(row_batch(in[0]), row_batch(in[1]))};
}

// --- Gradients ---

Value column(Value v) {  // [..] -> [.., 1]
  std::vector<int64_t> dims = v.shape().dims();
  dims.push_back(1);
  return reshape(v, Shape(dims));
}

// What dp, a cotangent of p = softmax(x), becomes for x.
Value through_softmax(Value p, Value dp) { return p * (dp - reduce_sum(p * dp, {-1}, true)); }

void softmax_grad(GradContext& c) { c.add(0, through_softmax(c.y(), c.dy())); }

void log_softmax_grad(GradContext& c) {
  c.add(0, c.dy() - exp(c.y()) * reduce_sum(c.dy(), {-1}, true));
}

void cross_entropy_grad(GradContext& c) {
  c.add(0, softmax_cross_entropy_grad(c.x(0), c.x(1), c.dy()));
}

// Of (p - one_hot) * dy, p = softmax(logits), with respect to logits and dy.
void cross_entropy_grad_grad(GradContext& c) {
  const Value logits = c.x(0), labels = c.x(1), dy = column(c.x(2)), g = c.dy();
  const Value p = softmax(logits);
  c.add(0, through_softmax(p, g * dy));
  c.add(2, reduce_sum((p - one_hot(labels, logits.dim(-1))) * g, {-1}, false));
}

void kl_grad(GradContext& c) {
  const Value teacher = c.x(0), student = c.x(1), dy = column(c.dy());
  const Value p = softmax(teacher);
  const Value log_ratio = log_softmax(teacher) - log_softmax(student);
  c.add(0, through_softmax(p, log_ratio) * dy);
  c.add(1, (softmax(student) - p) * dy);
}

// --- References ---

double log_sum_exp(const double* x, int64_t n) {
  const double largest = *std::max_element(x, x + n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - largest);
  return largest + std::log(total);
}

template <bool kLog>
void softmax_reference(RefContext& c) {
  const int64_t n = c.in(0).type.shape.back();
  for (int64_t at = 0; at < c.in(0).type.count(); at += n) {
    const double* x = &c.in(0).v[at];
    const double total = log_sum_exp(x, n);
    for (int64_t i = 0; i < n; ++i)
      c.out().v[at + i] = kLog ? x[i] - total : std::exp(x[i] - total);
  }
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void cross_entropy_reference(RefContext& c) {
  const int64_t n = c.in(0).type.shape.back();
  for (int64_t row = 0; row < c.out().type.count(); ++row) {
    const double* x = &c.in(0).v[row * n];
    const auto label = static_cast<int64_t>(c.in(1).v[row]);
    c.out().v[row] = label < 0 || label >= n ? kNan : log_sum_exp(x, n) - x[label];
  }
}

void cross_entropy_grad_reference(RefContext& c) {
  const int64_t n = c.in(0).type.shape.back();
  for (int64_t row = 0; row < c.in(1).type.count(); ++row) {
    const double* x = &c.in(0).v[row * n];
    const auto label = static_cast<int64_t>(c.in(1).v[row]);
    const double dy = label < 0 || label >= n ? kNan : c.in(2).v[row], total = log_sum_exp(x, n);
    for (int64_t i = 0; i < n; ++i)
      c.out().v[row * n + i] = (std::exp(x[i] - total) - (i == label)) * dy;
  }
}

// Terms of probability 0 count as 0.
void kl_reference(RefContext& c) {
  const int64_t n = c.in(0).type.shape.back();
  for (int64_t row = 0; row < c.out().type.count(); ++row) {
    const double *t = &c.in(0).v[row * n], *s = &c.in(1).v[row * n];
    const double total_t = log_sum_exp(t, n), total_s = log_sum_exp(s, n);
    for (int64_t i = 0; i < n; ++i) {
      const double p = std::exp(t[i] - total_t);
      if (p != 0) c.out().v[row] += p * ((t[i] - total_t) - (s[i] - total_s));
    }
  }
}

// Applies an op over the last axis along another one.
Value along(const OpDef& op, Value v, int64_t axis) {
  const int rank = v.shape().rank(), at = normal_axis(axis, rank, op.name);
  if (at == rank - 1) return v.graph->add(op, {v});
  std::vector<int64_t> swapped(rank);
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[at], swapped[rank - 1]);
  return transpose(v.graph->add(op, {transpose(v, swapped)}), swapped);
}

constexpr char kSoftmax[] = "softmax", kLogSoftmax[] = "log_softmax";

}  // namespace

namespace ops {
void plan_softmax(cpu::Planner& p, int id);  // softmax_cpu.cpp
void plan_log_softmax(cpu::Planner& p, int id);
void plan_cross_entropy(cpu::Planner& p, int id);
void plan_cross_entropy_grad(cpu::Planner& p, int id);
void plan_kl_divergence(cpu::Planner& p, int id);

const OpDef softmax = {.name = kSoftmax,
                       .arity = 1,
                       .type = same_type<kSoftmax>,
                       .grad = softmax_grad,
                       .reference = softmax_reference<false>,
                       .cpu = &cpu::planned_by<plan_softmax>};
const OpDef log_softmax = {.name = kLogSoftmax,
                           .arity = 1,
                           .type = same_type<kLogSoftmax>,
                           .grad = log_softmax_grad,
                           .reference = softmax_reference<true>,
                           .cpu = &cpu::planned_by<plan_log_softmax>};
const OpDef softmax_cross_entropy = {.name = "softmax_cross_entropy",
                                     .arity = 2,
                                     .type = cross_entropy_type,
                                     .grad = cross_entropy_grad,
                                     .reference = cross_entropy_reference,
                                     .cpu = &cpu::planned_by<plan_cross_entropy>};
const OpDef softmax_cross_entropy_grad = {.name = "softmax_cross_entropy_grad",
                                          .arity = 3,
                                          .type = cross_entropy_grad_type,
                                          .grad = cross_entropy_grad_grad,
                                          .reference = cross_entropy_grad_reference,
                                          .cpu = &cpu::planned_by<plan_cross_entropy_grad>};
const OpDef kl_divergence = {.name = "kl_divergence",
                             .arity = 2,
                             .type = kl_type,
                             .grad = kl_grad,
                             .reference = kl_reference,
                             .cpu = &cpu::planned_by<plan_kl_divergence>};
}  // namespace ops

Value softmax(Value v, int64_t axis) { return along(ops::softmax, v, axis); }
Value log_softmax(Value v, int64_t axis) { return along(ops::log_softmax, v, axis); }

Value softmax_cross_entropy(Value logits, Value labels) {
  return logits.graph->add(ops::softmax_cross_entropy, {logits, labels});
}

Value softmax_cross_entropy_grad(Value logits, Value labels, Value dy) {
  return logits.graph->add(ops::softmax_cross_entropy_grad, {logits, labels, dy});
}

Value softmax_cross_entropy_composed(Value logits, Value labels) {
  return -reduce_sum(log_softmax(logits) * one_hot(labels, logits.dim(-1)), {-1}, false);
}

Value kl_divergence(Value teacher_logits, Value student_logits) {
  return teacher_logits.graph->add(ops::kl_divergence, {teacher_logits, student_logits});
}

}  // namespace omni
