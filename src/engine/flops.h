// What a graph's products cost, on whatever device.
#pragma once

#include "graph/graph.h"

namespace omni {

// Floating-point operations of one run's matmul-like ops, without what no output needs.
double matmul_flops(const Graph& g);

}  // namespace omni
