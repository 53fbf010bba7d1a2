#include "experiments/catalogue.h"

namespace omni {

std::vector<Experiment> catalogue() { return {subliminal_learning()}; }

}  // namespace omni
