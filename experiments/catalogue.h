// The experiments that `omni list` shows, in its order.
#pragma once

#include <vector>

#include "lab/experiment.h"

namespace omni {

// Each with the words of its page, NAME.md beside NAME.cpp, where there is one. UserError for a
// damaged page, and for one of no experiment.
std::vector<Experiment> catalogue();

Experiment era_unlearning();
Experiment subliminal_learning();
Experiment subliminal_language();
Experiment gradient_routing();
Experiment gradient_routing_vae();
Experiment path_dependence();
Experiment unlearning_relearning();
Experiment undo();
Experiment steering_scalar();
Experiment token_routing_unlearning();
Experiment arithmetic_unlearning();

}  // namespace omni
