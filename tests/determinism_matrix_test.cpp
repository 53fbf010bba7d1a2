// Bits in a few ways of training that cover every pair of settings, over all experiments.
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

class DeterminismPairs : public ::testing::TestWithParam<Way> {};

TEST_P(DeterminismPairs, AModelsBitsAreThoseOfTheModelAlone) {
  if (!is_available(GetParam().precision)) GTEST_SKIP() << kNoBf16;
  expect_bits_of_each_alone(GetParam(), false);
}

INSTANTIATE_TEST_SUITE_P(Ways, DeterminismPairs, ::testing::ValuesIn(pairwise_ways()));

TEST(DeterminismPairs, AnotherSeedGivesOtherBits) {
  for (const Experiment& e : catalogue())
    for (const Precision p : precisions()) {
      const Outcome &a = alone(e.name, p, 60), &b = alone(e.name, p, 61);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        const auto& [arm, hash, name, step, value] = a[i];
        if (hash.empty()) continue;  // a metric, which may agree by chance
        EXPECT_NE(hash, std::get<1>(b[i])) << e.name << " " << arm;
      }
    }
}

}  // namespace
}  // namespace omni::testing
