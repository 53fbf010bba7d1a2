// The experiments that `omni list` shows, in its order.
#pragma once

#include <vector>

#include "lab/experiment.h"

namespace omni {

std::vector<Experiment> catalogue();

// One per file of this folder.
Experiment subliminal_learning();
Experiment gradient_routing();
Experiment gradient_routing_vae();
Experiment path_dependence();
Experiment unlearning_relearning();
Experiment undo();

}  // namespace omni
