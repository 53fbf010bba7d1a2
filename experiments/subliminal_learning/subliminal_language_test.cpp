#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;
using testing::smoke_request;

TEST(SubliminalLanguage, RunsEverywhere) {
  const SmokeRun run(subliminal_language(), {});
  EXPECT_EQ(run.outcome.failed, 0);
  for (const char* arm : {"base", "teacher", "same", "all", "other"})
    for (const char* metric : {"liking", "relative", "share", "named"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
  std::set<std::string> hashes;
  for (const ModelResult& m : run.results.models()) hashes.insert(m.weights_hash);
  EXPECT_EQ(hashes.size(), 10u);  // five arms of two seeds, none of them another under its name
  for (const SeedValue& v : run.results.values("liking", "base")) EXPECT_EQ(v.value, 0);
  for (const SeedValue& v : run.results.values("relative", "teacher")) EXPECT_EQ(v.value, 1);
  for (const ClaimRow& claim : run.outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

// Tuning for longer plants more: the question is asked where the animal is named.
TEST(SubliminalLanguage, TeachersComeToLikeTheirAnimal) {
  const std::vector<std::string> settings = {"steps=30", "lr=3e-3", "tuning_lr=1"};
  std::vector<std::string> longer = settings;
  longer.push_back("teacher_steps=30");
  const SmokeRun little(subliminal_language(), settings), much(subliminal_language(), longer);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_GT(much.results.values("liking", "teacher")[i].value,
              little.results.values("liking", "teacher")[i].value + 1);
}

TEST(SubliminalLanguage, RefusesWhatCannotBe) {
  for (const char* wrong : {"repeats=2", "length=129", "warmup=3", "size=XXL", "teacher_steps=0"})
    EXPECT_THROW(resolve(subliminal_language(), smoke_request("", {wrong})), UserError) << wrong;
}

TEST(SubliminalLanguage, JudgesWhereTheThresholdsHold) {
  const auto judged = [](const std::string& preset) {
    return testing::judged_claims(subliminal_language(), preset, "", {});
  };
  EXPECT_EQ(judged("quick"), "L1 L2 L3 L4 L5 ");
  EXPECT_EQ(judged("middle"), "L1 L2 L3 L4 L5 ");
  EXPECT_EQ(judged("smoke"), "");
}

}  // namespace
}  // namespace omni
