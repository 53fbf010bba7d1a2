#include "experiments/catalogue.h"

namespace omni {

std::vector<Experiment> catalogue() {
  return {subliminal_learning(), gradient_routing(), gradient_routing_vae(),
          unlearning_relearning(), undo(),             arithmetic_unlearning(),
          path_dependence(),       era_unlearning(),   token_routing_unlearning(),
          steering_scalar(),       subliminal_language()};
}

}  // namespace omni
