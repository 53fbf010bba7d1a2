#include "ops/route.h"

#include "ops/elementwise.h"
#include "ops/leaf.h"

namespace omni {
namespace {

Type route_type(std::span<const Type> in, const Attrs&) {
  require(is_float(in[0].dtype), "route: x must be f32, it is {}", in[0]);
  const Type both = broadcast(in[0], in[1], "route");
  require(both.shape == in[0].shape, "route: w, {}, does not broadcast to x, {}", in[1], in[0]);
  return in[0];
}

Type same_type(std::span<const Type> in, const Attrs&) { return in[0]; }

void route_grad(GradContext& c) { c.add(0, c.dy() * c.x(1)); }
void no_gradient(GradContext&) {}
void copy_reference(RefContext& c) { c.out().v = c.in(0).v; }

}  // namespace

namespace ops {
// No plans: both are dropped before planning, when gradients have been taken.
const OpDef route = {.name = "route",
                     .arity = 2,
                     .type = route_type,
                     .grad = route_grad,
                     .reference = copy_reference,
                     .identity = true};
const OpDef stop_gradient = {.name = "stop_gradient",
                             .arity = 1,
                             .type = same_type,
                             .grad = no_gradient,
                             .reference = copy_reference,
                             .identity = true};
}  // namespace ops

Value route(Value x, Value w) { return x.graph->add(ops::route, {x, w}); }
Value route(Value x, double w) { return route(x, constant(*x.graph, w)); }
Value stop_gradient(Value x) { return x.graph->add(ops::stop_gradient, {x}); }

}  // namespace omni
