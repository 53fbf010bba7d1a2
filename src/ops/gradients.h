// Reverse mode as a pass that only appends: gradients are ordinary values of the same graph and can
// be differentiated again (Hessian-vector products, meta-learning).
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace omni {

// d loss / d wrt[i], of wrt[i]'s shape; zeros where loss does not depend on it. `loss` is a scalar.
// Throws UserError when an op on the way has no gradient rule or loss is not a scalar.
std::vector<Value> gradients(Value loss, std::span<const Value> wrt);

// The vector-Jacobian product: the same with a given cotangent of y's shape instead of 1.
std::vector<Value> pullback(Value y, Value dy, std::span<const Value> wrt);

// The Hessian of `loss` by all of `wrt` together times a vector v, in parts: v[i] and result i have
// wrt[i]'s shape. It is the gradient of (gradient . v), with v taken as constant (Pearlmutter 1994,
// doi:10.1162/neco.1994.6.1.147). UserError as from gradients(), and unless the shapes are equal.
std::vector<Value> hessian_times(Value loss, std::span<const Value> wrt, std::span<const Value> v);

// v summed over the axes along which a value of shape `to` was broadcast to v's shape.
Value sum_to(Value v, const Shape& to);

}  // namespace omni
