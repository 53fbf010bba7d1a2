#include "experiments/catalogue.h"

#include "lab/word_pages.h"

namespace omni {

std::vector<Experiment> catalogue() {
  return with_words(
      {subliminal_learning(), gradient_routing(), gradient_routing_vae(), unlearning_relearning(),
       undo(), arithmetic_unlearning(), path_dependence(), era_unlearning(),
       token_routing_unlearning(), steering_scalar(), subliminal_language()},
      word_pages());
}

}  // namespace omni
