// Bits in every way of training, over all experiments.
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

class DeterminismMatrix : public ::testing::TestWithParam<std::string> {};

TEST_P(DeterminismMatrix, AModelsBitsAreThoseOfTheModelAlone) {
  for (const Way& w : all_ways())
    if (w.experiment == GetParam()) expect_bits_of_each_alone(w, true);
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const Experiment& e : catalogue()) names.push_back(e.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Experiments, DeterminismMatrix, ::testing::ValuesIn(names()));

}  // namespace
}  // namespace omni::testing
