// Positions along an axis, for masks and position codes.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef iota;
}

// i32 of the given shape; every element is its own position along `axis`: 0, 1, 2, ...
// It has no batch axis.
Value iota(Graph& g, const Shape& shape, int64_t axis);

}  // namespace omni
