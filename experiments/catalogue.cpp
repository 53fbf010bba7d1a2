#include "experiments/catalogue.h"

#include <utility>

namespace omni {

std::vector<Experiment> catalogue() {
  std::vector<Experiment> all = {subliminal_learning(),
                                 gradient_routing(),
                                 gradient_routing_vae(),
                                 unlearning_relearning(),
                                 undo(),
                                 arithmetic_unlearning(),
                                 path_dependence(),
                                 era_unlearning(),
                                 token_routing_unlearning(),
                                 steering_scalar(),
                                 subliminal_language()};
  for (Experiment& e : all) e = with_words(std::move(e), words_of);
  return all;
}

}  // namespace omni
