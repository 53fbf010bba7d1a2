#include "ops/leaf.h"

namespace omni {
namespace {

Type input_type(std::span<const Type>, const Attrs& a) {
  const auto batch = static_cast<int>(a.integer("batch"));
  const auto dtype = static_cast<DType>(a.integer("dtype"));
  return {dtype, Shape(a.list("shape")), batch};
}

Type constant_type(std::span<const Type>, const Attrs&) { return {}; }

void constant_reference(RefContext& c) {
  c.out().v[0] = static_cast<float>(c.attrs().number("value"));
}

}  // namespace

namespace ops {
// Neither plans a step: inputs are bound from outside, constants are written when the plan is made.
const OpDef input = {.name = "input", .arity = 0, .type = input_type};
const OpDef constant = {
    .name = "constant", .arity = 0, .type = constant_type, .reference = constant_reference};
}  // namespace ops

Role role_of(const Node& n) { return static_cast<Role>(n.attrs.integer("role")); }

Value input(Graph& g, const std::string& name, const Type& type, Role role) {
  if (const auto known = g.find_input(name)) {
    require(known->type() == type, "input '{}' is {}, asked for again as {}", name, known->type(),
            type);
    return *known;
  }
  return g
      .add(ops::input, {},
           {{"shape", type.shape.dims()},
            {"dtype", static_cast<int64_t>(type.dtype)},
            {"batch", int64_t{type.batch}},
            {"role", static_cast<int64_t>(role)}})
      .named(name);
}

Value constant(Graph& g, double x) { return g.add(ops::constant, {}, {{"value", x}}); }

std::optional<double> constant_value(const Node& n) {
  if (n.op != &ops::constant) return std::nullopt;
  return n.attrs.number("value");
}

}  // namespace omni
