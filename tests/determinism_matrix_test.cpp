// Bits in a few ways of training that cover every pair of settings, over all experiments.
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

class DeterminismPairs : public ::testing::TestWithParam<Way> {};

TEST_P(DeterminismPairs, AModelsBitsAreThoseOfTheModelAlone) {
  expect_bits_of_each_alone(GetParam(), false);
}

INSTANTIATE_TEST_SUITE_P(Ways, DeterminismPairs, ::testing::ValuesIn(pairwise_ways(kFewModels)));

}  // namespace
}  // namespace omni::testing
