// The experiments that `omni list` shows, in its order.
#pragma once

#include <vector>

#include "lab/experiment.h"

namespace omni {

std::vector<Experiment> catalogue();

// One per file of this folder.
Experiment subliminal_learning();

}  // namespace omni
