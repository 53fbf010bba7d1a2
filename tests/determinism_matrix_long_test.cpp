// Bits in every way of training, over all experiments.
#include "determinism_matrix.h"

#include <algorithm>

namespace omni::testing {
namespace {

// A test of each experiment and precision, so that many can run at a time.
class DeterminismMatrix : public ::testing::TestWithParam<std::tuple<std::string, Precision>> {};

TEST_P(DeterminismMatrix, AModelsBitsAreThoseOfTheModelAlone) {
  for (const Way& w : all_ways(kManyModels))
    if (std::tuple(w.experiment, w.precision) == GetParam()) expect_bits_of_each_alone(w, true);
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const Experiment& e : catalogue()) names.push_back(e.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Experiments, DeterminismMatrix,
                         ::testing::Combine(::testing::ValuesIn(names()),
                                            ::testing::Values(Precision::f32, Precision::bf16)),
                         [](const auto& info) {
                           std::string name = std::get<0>(info.param);
                           std::ranges::replace(name, '-', '_');
                           return name + (std::get<1>(info.param) == Precision::bf16 ? "_bf16"
                                                                                    : "_f32");
                         });

}  // namespace
}  // namespace omni::testing
