// A round of a phase of several programs, as `omni debug` prints it.
#pragma once

#include "lab/debug.h"

namespace omni::cli {

// Its calls in order, those of a loop once; where a value was no finite f32; and what came of
// calling a host's round twice.
void show_round(const DebugGraph& g);

}  // namespace omni::cli
