// The experiments that `omni list` shows, in its order.
#pragma once

#include <string_view>
#include <vector>

#include "lab/experiment.h"

namespace omni {

// Each with the words of its page, where there is one. UserError for a damaged page.
std::vector<Experiment> catalogue();

// The page NAME.md beside NAME.cpp, or nothing: made by cmake/words.cmake.
std::string_view words_of(std::string_view stem);

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
