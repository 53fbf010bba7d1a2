// Decides where the values of a graph stand in one arena, so that those that do not live at the
// same time can share it.
#pragma once

#include <set>

#include "engine/device_limits.h"
#include "engine/passes.h"
#include "graph/graph.h"
#include "graph/layout.h"

namespace omni {

// Without the passes of `off`. The plan depends on the graph, the layout and the limits alone.
MemoryPlan plan_memory(const Graph& g, const Layout& layout, const DeviceLimits& limits,
                       const std::set<Pass>& off);

}  // namespace omni
