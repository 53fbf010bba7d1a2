// Whole smoke presets on the reference executor: they end, record what they record on CPUs, and
// leaving and going on changes no bit.
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

class WholeReference : public ::testing::TestWithParam<std::string> {};

TEST_P(WholeReference, RecordsWhatCpusDoAndKeepsItsBits) {
  Way way{GetParam()};
  const Outcome cpu = train(way, {0}).at(0);
  way.executor = ExecutorKind::reference;
  const Outcome reference = train(way, {0}).at(0);
  ASSERT_EQ(cpu.size(), reference.size());
  for (size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_EQ(std::get<0>(cpu[i]), std::get<0>(reference[i]));  // the arm
    EXPECT_EQ(std::get<3>(cpu[i]), std::get<3>(reference[i]));  // the step
  }
  way.forked = way.interrupted = true;
  EXPECT_EQ(difference(train(way, {0, 1}).at(0), reference), "");
}

std::vector<std::string> experiments() {
  std::vector<std::string> names;
  for (const Experiment& e : catalogue()) names.push_back(e.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Smoke, WholeReference, ::testing::ValuesIn(experiments()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace omni::testing
