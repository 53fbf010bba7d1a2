#include "experiments/catalogue.h"

#include "lab/word_pages.h"

namespace omni {

std::vector<Experiment> catalogue() {
#define OMNI_LISTED(name) name(),
  return with_words({OMNI_EXPERIMENTS(OMNI_LISTED)}, word_pages());
#undef OMNI_LISTED
}

}  // namespace omni
