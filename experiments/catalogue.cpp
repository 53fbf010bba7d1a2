#include "experiments/catalogue.h"

namespace omni {

std::vector<Experiment> catalogue() {
  return {subliminal_learning(), gradient_routing(), gradient_routing_vae(),
          unlearning_relearning(), undo(),             path_dependence()};
}

}  // namespace omni
