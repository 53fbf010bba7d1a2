// The meaning of a graph: every op's plain reference, run in double precision, one node at a time.
// Slow and simple; kernels are tested against it and `omni debug` shows values from it.
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace omni {

using RefInputs = std::map<std::string, RefArray>;

// The value of every node. Inputs are looked up by name; one that is missing or of another shape is
// a UserError. Values that the graph stores as bf16 are rounded to bf16.
std::vector<RefArray> interpret(const Graph& g, const RefInputs& inputs);

// The value nearest to x among bf16's (round to nearest even; NaN and infinity stay).
double round_to_bf16(double x);

}  // namespace omni
