// What matrix products mean: shapes, batch axes, gradients and plain loops.
#include "ops/matmul.h"

#include <algorithm>

#include "cpu/op_plan.h"
#include "ops/gradients.h"

namespace omni {
namespace {

// Where the parts of op(a) op(b) are: axes of each operand by what they do.
struct Axes {
  int a_rows, a_inner, b_inner, b_columns, rank;
};

Axes axes_of(const Shape& a, const Shape& b, const Attrs& attrs) {
  const int ra = a.rank(), rb = b.rank();
  const bool ta = attrs.integer("transpose_a"), tb = attrs.integer("transpose_b");
  return {ta ? ra - 1 : ra - 2, ta ? ra - 2 : ra - 1, tb ? rb - 1 : rb - 2, tb ? rb - 2 : rb - 1,
          std::max(ra, rb)};
}

void require_matrix(const Type& t, const char* op, const char* which) {
  require(is_float(t.dtype), "{}: {} must be f32, got {}", op, which, t);
  require(t.shape.rank() >= 2, "{}: {} needs at least 2 axes, got {}", op, which, t);
  require(t.count() > 0, "{}: {} has an axis of length 0: {}", op, which, t);
}

// The batch axis of a product. Each operand's batch axis is contracted, or appears in the output
// at `out`, where the other operand is either cut the same way or the same for all samples.
struct BatchRole {
  int batch;              // the operand's Type::batch
  bool contracted;
  int out;                // output axis, if batched and not contracted
  int64_t other_length;   // the other operand's length there, 1 if it has none
};

int product_batch(const BatchRole& a, const BatchRole& b) {
  if (a.batch == kMixedBatch || b.batch == kMixedBatch) return kMixedBatch;
  if (a.batch == kNoBatch && b.batch == kNoBatch) return kNoBatch;
  if (a.batch != kNoBatch && b.batch != kNoBatch) {
    if (a.contracted && b.contracted) return kNoBatch;
    return !a.contracted && !b.contracted && a.out == b.out ? a.out : kMixedBatch;
  }
  const BatchRole& one = a.batch != kNoBatch ? a : b;
  return one.contracted || one.other_length != 1 ? kMixedBatch : one.out;
}

Type matmul_type(std::span<const Type> in, const Attrs& attrs) {
  const Type &a = in[0], &b = in[1];
  require_matrix(a, "matmul", "a");
  require_matrix(b, "matmul", "b");
  const Axes x = axes_of(a.shape, b.shape, attrs);
  require(a.shape[x.a_inner] == b.shape[x.b_inner],
          "matmul: {}{} times {}{}: the inner lengths {} and {} differ", a,
          attrs.integer("transpose_a") ? " transposed" : "", b,
          attrs.integer("transpose_b") ? " transposed" : "", a.shape[x.a_inner],
          b.shape[x.b_inner]);

  std::vector<int64_t> dims(x.rank);
  const auto leading = [&](const Type& t, int axis) -> int64_t {
    const int own = axis - (x.rank - t.shape.rank());
    return own < 0 ? 1 : t.shape[own];
  };
  for (int i = 0; i < x.rank - 2; ++i) {
    const int64_t da = leading(a, i), db = leading(b, i);
    require(da == db || da == 1 || db == 1,
            "matmul: the leading axes of {} and {} do not broadcast (axis {} of {})", a, b, i,
            x.rank);
    dims[i] = std::max(da, db);
  }
  dims[x.rank - 2] = a.shape[x.a_rows];
  dims[x.rank - 1] = b.shape[x.b_columns];

  const auto batch_role = [&](const Type& t, const Type& other, int inner, int kept, int out) {
    if (t.batch < 0 || t.batch == inner) return BatchRole{t.batch, t.batch == inner, 0, 1};
    if (t.batch == kept) return BatchRole{t.batch, false, out, 1};
    const int axis = t.batch + x.rank - t.shape.rank();
    return BatchRole{t.batch, false, axis, leading(other, axis)};
  };
  return {DType::f32, Shape(dims),
          product_batch(batch_role(a, b, x.a_inner, x.a_rows, x.rank - 2),
                        batch_role(b, a, x.b_inner, x.b_columns, x.rank - 1))};
}

// A weight [K, N] under many rows gets its gradient from contract_rows; only a transposed or a
// rank-2 left operand of a batched product makes one product per leading index and sums them.
void matmul_grad(GradContext& c) {
  const Value a = c.x(0), b = c.x(1), dy = c.dy();
  const bool ta = c.attrs().integer("transpose_a"), tb = c.attrs().integer("transpose_b");
  const Shape &shape_a = a.shape(), &shape_b = b.shape();
  c.add(0, sum_to(ta ? matmul(b, dy, tb, true) : matmul(dy, b, false, !tb), shape_a));
  if (shape_b.rank() == 2 && shape_a.rank() > 2 && !ta)
    c.add(1, tb ? contract_rows(dy, a) : contract_rows(a, dy));
  else
    c.add(1, sum_to(tb ? matmul(dy, a, true, ta) : matmul(a, dy, !ta, false), shape_b));
}

void matmul_reference(RefContext& c) {
  const RefArray &a = c.in(0), &b = c.in(1);
  RefArray& out = c.out();
  const Axes x = axes_of(a.type.shape, b.type.shape, c.attrs());
  const bool ta = x.a_inner < x.a_rows, tb = x.b_columns < x.b_inner;
  const int64_t m = a.type.shape[x.a_rows], k = a.type.shape[x.a_inner];
  const int64_t n = b.type.shape[x.b_columns];
  // The matrix of `t` that the output matrix number `matrix` is made from.
  const auto start = [&](const Shape& t, int64_t matrix) {
    int64_t index = 0, stride = 1;
    for (int i = x.rank - 3; i >= 0; --i) {
      const int64_t at = matrix % out.type.shape[i];
      matrix /= out.type.shape[i];
      const int own = i - (x.rank - t.rank());
      if (own < 0) continue;
      if (t[own] != 1) index += at * stride;
      stride *= t[own];
    }
    return index;
  };
  for (int64_t matrix = 0; matrix < out.type.count() / (m * n); ++matrix) {
    const double* pa = a.v.data() + start(a.type.shape, matrix) * m * k;
    const double* pb = b.v.data() + start(b.type.shape, matrix) * k * n;
    double* po = out.v.data() + matrix * m * n;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        for (int64_t j = 0; j < n; ++j)
          po[i * n + j] += pa[ta ? l * m + i : i * k + l] * pb[tb ? j * k + l : l * n + j];
  }
}

double matmul_flops(std::span<const Type> in, const Type& out) {
  const Shape &a = in[0].shape, &o = out.shape;
  const int64_t matrix = a[a.rank() - 1] * a[a.rank() - 2];  // M * K, whichever comes first
  return 2.0 * static_cast<double>(o.count()) * static_cast<double>(matrix / o[o.rank() - 2]);
}

Type contract_type(std::span<const Type> in, const Attrs&) {
  const Type &a = in[0], &b = in[1];
  require_matrix(a, "contract_rows", "a");
  require_matrix(b, "contract_rows", "b");
  const int rank = a.shape.rank();
  require(rank == b.shape.rank() && std::equal(a.shape.begin(), a.shape.end() - 1, b.shape.begin()),
          "contract_rows: all axes but the last must be equal, got {} and {}", a, b);
  const auto batch_role = [&](const Type& t, int out) {
    return BatchRole{t.batch, t.batch >= 0 && t.batch < rank - 1, out, 1};
  };
  int batch = product_batch(batch_role(a, 0), batch_role(b, 1));
  if (a.batch >= 0 && b.batch >= 0 && a.batch != b.batch) batch = kMixedBatch;
  return {DType::f32, Shape{a.shape.back(), b.shape.back()}, batch};
}

void contract_grad(GradContext& c) {
  c.add(0, matmul(c.x(1), c.dy(), false, true));
  c.add(1, matmul(c.x(0), c.dy()));
}

void contract_reference(RefContext& c) {
  const RefArray &a = c.in(0), &b = c.in(1);
  const int64_t m = a.type.shape.back(), n = b.type.shape.back();
  for (int64_t row = 0; row < a.type.count() / m; ++row)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) c.out().v[i * n + j] += a.v[row * m + i] * b.v[row * n + j];
}

double contract_flops(std::span<const Type> in, const Type& out) {
  const int64_t rows = in[0].count() / in[0].shape.back();
  return 2.0 * static_cast<double>(out.count()) * static_cast<double>(rows);
}

}  // namespace

namespace ops {
void plan_matmul(cpu::Planner& p, int id);         // matmul_cpu.cpp
void plan_contract_rows(cpu::Planner& p, int id);

const OpDef matmul = {.name = "matmul",
                      .arity = 2,
                      .type = matmul_type,
                      .grad = matmul_grad,
                      .reference = matmul_reference,
                      .cpu = &cpu::planned_by<plan_matmul>,
                      .takes_bf16 = true,
                      .wants_bf16 = true,
                      .flops = matmul_flops};
const OpDef contract_rows = {.name = "contract_rows",
                             .arity = 2,
                             .type = contract_type,
                             .grad = contract_grad,
                             .reference = contract_reference,
                             .cpu = &cpu::planned_by<plan_contract_rows>,
                             .takes_bf16 = true,
                             .wants_bf16 = true,
                             .flops = contract_flops};
}  // namespace ops

Value matmul(Value a, Value b, bool transpose_a, bool transpose_b) {
  return a.graph->add(
      ops::matmul, {a, b},
      {{"transpose_a", int64_t{transpose_a}}, {"transpose_b", int64_t{transpose_b}}});
}

Value contract_rows(Value a, Value b) { return a.graph->add(ops::contract_rows, {a, b}); }

}  // namespace omni
