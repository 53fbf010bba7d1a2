// Gradient control: what flows forward and what flows backward need not be the same.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef route, stop_gradient;
}

// Forward x; backward the gradient times w (gradient routing, Cloud et al., arXiv:2410.04332). w is
// any value that broadcasts to x's shape: per sample, per token, per unit or per model; zero,
// fractional or negative. w itself gets no gradient from here; the product that the backward pass
// emits is an ordinary one, so second derivatives do see w. Throws UserError if w does not fit.
Value route(Value x, Value w);
Value route(Value x, double w);

// Forward x; no gradient passes, not even a NaN times zero.
Value stop_gradient(Value x);

}  // namespace omni
