#include "ops/iota.h"

#include "cpu/planner.h"

namespace omni {
namespace {

Type iota_type(std::span<const Type>, const Attrs& a) {
  const Shape shape(a.list("shape"));
  normal_axis(a.integer("axis"), shape.rank(), "iota");
  return {DType::i32, shape, kNoBatch};
}

// Writes every element's position along the axis.
template <class T>
void fill(const Shape& shape, int axis, T* out) {
  int64_t inner = 1, outer = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k = 0; k < shape[axis]; ++k)
      for (int64_t i = 0; i < inner; ++i) *out++ = static_cast<T>(k);
}

void iota_reference(RefContext& c) {
  fill(c.out().type.shape, static_cast<int>(c.attrs().integer("axis")), c.out().v.data());
}

void plan_iota(cpu::Planner& p, int id) {
  const Shape shape = p.type(id).shape;
  const auto axis = static_cast<int>(p.node(id).attrs.integer("axis"));
  const auto out = p.cell<int32_t>(id);
  p.step(id, [=] { fill(shape, axis, out.get()); });
}

}  // namespace

namespace ops {
const OpDef iota = {.name = "iota",
                    .arity = 0,
                    .type = iota_type,
                    .reference = iota_reference,
                    .cpu = &cpu::planned_by<plan_iota>};
}  // namespace ops

Value iota(Graph& g, const Shape& shape, int64_t axis) {
  const int64_t at = normal_axis(axis, shape.rank(), "iota");
  for (const int64_t d : shape) require(d >= 1, "iota: {} has an empty axis", shape);
  return g.add(ops::iota, {}, {{"shape", shape.dims()}, {"axis", at}});
}

}  // namespace omni
