// The experiments that `omni list` shows, in its order.
#pragma once

#include <vector>

#include "lab/experiment.h"

namespace omni {

// A line each: NAME stands for Experiment NAME(), the function of a file of its own.
// clang-format off
#define OMNI_EXPERIMENTS(experiment)   \
  experiment(subliminal_learning)      \
  experiment(gradient_routing)         \
  experiment(gradient_routing_vae)     \
  experiment(unlearning_relearning)    \
  experiment(undo)                     \
  experiment(arithmetic_unlearning)    \
  experiment(path_dependence)          \
  experiment(era_unlearning)           \
  experiment(token_routing_unlearning) \
  experiment(steering_scalar)          \
  experiment(subliminal_language)
// clang-format on

#define OMNI_DECLARED(name) Experiment name();
OMNI_EXPERIMENTS(OMNI_DECLARED)
#undef OMNI_DECLARED

// Each with the words of its page, NAME.md beside NAME.cpp, where there is one. UserError for a
// damaged page, and for one of no experiment.
std::vector<Experiment> catalogue();

}  // namespace omni
