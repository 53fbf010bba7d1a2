// Decides what becomes one step, in which order steps run, and which values need memory.
#pragma once

#include <set>

#include "engine/device_limits.h"
#include "engine/passes.h"
#include "graph/graph.h"
#include "graph/layout.h"

namespace omni {

// Without the passes of `off`. Expects separate_outputs() to have run.
Layout make_layout(const Graph& g, const DeviceLimits& limits, const std::set<Pass>& off);

}  // namespace omni
