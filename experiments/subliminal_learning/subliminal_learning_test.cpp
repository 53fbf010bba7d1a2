#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;

std::map<std::string, std::string> hashes(const Results& r, int64_t seed) {
  std::map<std::string, std::string> by_arm;
  for (const ModelResult& m : r.models())
    if (m.seed == seed) by_arm[m.arm] = m.weights_hash;
  return by_arm;
}

TEST(SubliminalLearning, RunsAndLeavesUnmatchedRowsAlone) {
  const SmokeRun run(subliminal_learning(), {"data=mnist1d"});
  EXPECT_EQ(run.outcome.failed, 0);
  EXPECT_EQ(run.outcome.models, 2 * 6);
  for (const ArmInfo& arm : run.results.arms())
    for (const char* metric : {"accuracy", "distance_from_start", "distance_to_teacher"})
      EXPECT_EQ(run.results.values(metric, arm.name).size(), 2u) << arm.name << " " << metric;
  // A teacher without a loss on auxiliary logits and students without one on digits.
  for (const SeedValue& v : run.results.values("aux_rows_unchanged", "teacher"))
    EXPECT_EQ(v.value, 1);
  for (const SeedValue& v : run.results.values("digit_rows_unchanged", "aux-only"))
    EXPECT_EQ(v.value, 1);
  for (const SeedValue& v : run.results.values("digit_rows_unchanged", "all-logits"))
    EXPECT_EQ(v.value, 0);
}

// Untrained, every model is where it starts.
TEST(SubliminalLearning, StudentsStartWhereTheTeacherOfTheirSeedDid) {
  const SmokeRun run(subliminal_learning(), {"data=mnist1d", "epochs=0"});
  for (const int64_t seed : {0, 1}) {
    const auto hash = hashes(run.results, seed);
    const std::string& start = hash.at("reference");
    EXPECT_EQ(hash.at("teacher"), start);
    EXPECT_EQ(hash.at("aux-only"), start);
    EXPECT_EQ(hash.at("all-logits"), start);
    EXPECT_NE(hash.at("cross-aux-only"), start);
    EXPECT_EQ(hash.at("cross-all-logits"), hash.at("cross-aux-only"));
  }
  EXPECT_NE(hashes(run.results, 0).at("reference"), hashes(run.results, 1).at("reference"));
}

TEST(SubliminalLearning, RefusesWhatCannotBe) {
  for (const char* bad : {"classes=1", "cross_init=other", "noise=none", "blur=2"})
    EXPECT_THROW(SmokeRun(subliminal_learning(), {"data=mnist1d", bad}), UserError) << bad;
}

}  // namespace
}  // namespace omni
