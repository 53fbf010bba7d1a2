// Whole smoke presets on the reference executor: they end, record what they record on CPUs, and
// neither who meets nor leaving and going on changes a bit.
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

class WholeReference : public ::testing::TestWithParam<std::string> {};

TEST_P(WholeReference, RecordsWhatCpusDoAndKeepsItsBits) {
  Way way{GetParam()};
  const Outcome cpu = train(way, {0}).at(0);
  way.executor = ExecutorKind::reference;
  way.threads = 2;
  const std::vector<int64_t> seeds = {0, 1, 2, 3};
  way.grouping = at_most(1);
  const std::map<int64_t, Outcome> each = train(way, seeds);
  const Outcome& reference = each.at(0);
  ASSERT_EQ(cpu.size(), reference.size());
  for (size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_EQ(std::get<0>(cpu[i]), std::get<0>(reference[i]));  // the arm
    EXPECT_EQ(std::get<3>(cpu[i]), std::get<3>(reference[i]));  // the step
  }
  const auto expect_same = [&] {
    const std::map<int64_t, Outcome> all = train(way, seeds);
    for (const int64_t seed : seeds) EXPECT_EQ(difference(all.at(seed), each.at(seed)), "") << seed;
  };
  way.grouping = all_together();
  expect_same();
  way.grouping = at_most(3);
  way.forked = way.interrupted = true;
  expect_same();
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
