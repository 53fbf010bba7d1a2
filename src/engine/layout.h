// Decides what becomes one step, in which order steps run, and which values need memory.
#pragma once

#include <set>
#include <string>

#include "engine/device_limits.h"
#include "graph/graph.h"
#include "graph/layout.h"

namespace omni {

// `off` names passes that are switched off. Expects separate_outputs() to have run.
Layout make_layout(const Graph& g, const DeviceLimits& limits, const std::set<std::string>& off);

}  // namespace omni
