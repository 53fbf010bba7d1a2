// Matrix products on one core, by oneDNN: operands are described by strides and never copied by us.
#include <algorithm>

#include "cpu/onednn.h"
#include "cpu/planner.h"
#include "ops/matmul.h"

namespace omni::ops {
namespace {

using dnnl::memory;

// One oneDNN product, all descriptors of one rank.
struct Product {
  memory::desc a, b, out;
};

// A dense operand [leading.., rows, columns] of the stored type, seen transposed or not.
memory::desc matrix(DType t, memory::dims leading, int64_t rows, int64_t columns, bool transposed) {
  memory::dims dims = std::move(leading), strides(dims.size() + 2);
  dims.insert(dims.end(), {rows, columns});
  const size_t rank = dims.size();
  strides[rank - 2] = transposed ? 1 : columns;
  strides[rank - 1] = transposed ? rows : 1;
  int64_t stride = rows * columns;
  for (size_t i = rank - 2; i-- > 0; stride *= dims[i]) strides[i] = stride;
  return {dims, cpu::Planner::data_type(t), strides};
}

void plan_product(cpu::Planner& p, int id, const Product& x, const Epilogue& epilogue) {
  const Node& n = p.node(id);
  check(p.dtype(n.in[0]) == p.dtype(n.in[1]), "{}: operands are stored as {} and {}", n.op->name,
        p.type(n.in[0]), p.type(n.in[1]));
  const dnnl::primitive_attr attributes = cpu::Planner::attributes(epilogue.relu);
  std::vector<cpu::Argument> arguments = {{DNNL_ARG_SRC, n.in[0], x.a},
                                          {DNNL_ARG_WEIGHTS, n.in[1], x.b},
                                          {DNNL_ARG_DST, epilogue.output, x.out}};
  memory::desc bias;
  if (epilogue.bias >= 0) {
    const memory::dims shape = cpu::onednn::dims(x.out);
    bias =
        matrix(p.dtype(epilogue.bias), memory::dims(shape.size() - 2, 1), 1, shape.back(), false);
    arguments.push_back({DNNL_ARG_BIAS, epilogue.bias, bias});
  }
  const auto plan = cpu::onednn::matmul(p.engine(), x.a, x.b, bias, x.out, attributes);
  p.primitive(id, cpu::onednn::create<dnnl::matmul>(plan), plan.scratchpad_desc(),
              std::move(arguments));
}

}  // namespace

void plan_matmul(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type &ta = p.type(n.in[0]), &tb = p.type(n.in[1]);
  const bool flip_a = n.attrs.integer("transpose_a"), flip_b = n.attrs.integer("transpose_b");
  const Epilogue epilogue = p.epilogue(id);
  const Shape& out = n.type.shape;
  const DType stored = p.dtype(epilogue.output);
  const int rank = out.rank();
  const int64_t k = ta.shape[ta.shape.rank() - (flip_a ? 2 : 1)];
  const int64_t rows = out[rank - 2], columns = out[rank - 1];

  // One matrix b for all: the rows of all leading axes make one tall matrix.
  if (!flip_a && tb.shape.count() == k * columns) {
    const int64_t all = out.count() / columns;
    return plan_product(p, id,
                        {matrix(ta.dtype, {}, all, k, false),
                         matrix(tb.dtype, {}, k, columns, flip_b),
                         matrix(stored, {}, all, columns, false)},
                        epilogue);
  }
  const auto leading = [&](const Shape& s) {  // aligned at the right, 1 where it has no axis
    memory::dims dims(rank - 2, 1);
    std::copy(s.begin(), s.end() - 2, dims.end() - (s.rank() - 2));
    return dims;
  };
  plan_product(p, id,
               {matrix(ta.dtype, leading(ta.shape), rows, k, flip_a),
                matrix(tb.dtype, leading(tb.shape), k, columns, flip_b),
                matrix(stored, leading(out), rows, columns, false)},
               epilogue);
}

void plan_contract_rows(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type &a = p.type(n.in[0]), &b = p.type(n.in[1]);
  const Epilogue epilogue = p.epilogue(id);
  const int64_t m = a.shape.back(), columns = b.shape.back(), rows = a.count() / m;
  plan_product(p, id,
               {matrix(a.dtype, {}, m, rows, true), matrix(b.dtype, {}, rows, columns, false),
                matrix(p.dtype(epilogue.output), {}, m, columns, false)},
               epilogue);
}

}  // namespace omni::ops
