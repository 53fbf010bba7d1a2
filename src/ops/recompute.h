// Memory for time: values that are not kept for the backward pass but computed again there
// (gradient checkpointing, Chen et al. 2016, arXiv:1604.06174).
#pragma once

#include <map>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef recompute, after;
}

// y, which was computed from x. Gradient rules of what lies between read a second copy of it, made
// from x when the gradient of y is there; the first copy is then free after the forward pass. Of
// what has been emitted since x, that is all that depends on x. Values and gradients keep their
// bits; gradients of gradients are sums in another order. Sections may follow each other and be
// nested.
Value recompute(Value y, Value x);

// x, for reading it again once `other` has been made: an expression of it is never shared with one
// of x itself. Costs nothing.
Value after(Value x, Value other);

// For the pass that makes gradients: what the rules of nodes before this one read in place of an
// equal value.
using StandIns = std::map<int, int>;
// Emits the second copy of what lies between the inputs of the node `section`, a recompute, to be
// made once dy has been.
void compute_again(Graph& g, int section, Value dy, StandIns& stand_ins);

}  // namespace omni
