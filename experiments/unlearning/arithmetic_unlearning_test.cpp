#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;
using testing::smoke_request;

TEST(ArithmeticUnlearning, RunsEverywhere) {
  const SmokeRun run(arithmetic_unlearning(),
                     {"methods=maxent+graddiff+rmu+oracle", "alphas=0.6,1", "betas=0.1,0.5",
                      "weak=2", "controls=full"});
  EXPECT_EQ(run.outcome.failed, 0);
  // As UNDO's: four methods with two alphas and a student each, and twelve more.
  EXPECT_EQ(run.outcome.models, 2 * (4 * 4 + 3 + 9));
  std::set<std::string> arms;
  for (const ModelResult& m : run.results.models()) arms.insert(m.arm);
  for (const std::string& arm : arms) {
    EXPECT_EQ(run.results.curve("relearned", arm).size(), 3u) << arm;
    for (const char* metric : {"retain", "forget", "regained", "retain_written", "cost"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
  }
  for (const ClaimRow& claim : run.outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

TEST(ArithmeticUnlearning, RefusesWhatCannotBe) {
  for (const char* wrong : {"heads=3", "attack_at=20,10", "early=3", "alphas=1,0.5", "methods=hope",
                            "context=1", "word_problems=perhaps"})
    EXPECT_THROW(resolve(arithmetic_unlearning(), smoke_request("", {wrong})), UserError) << wrong;
}

std::string judged(const std::string& preset, const std::vector<std::string>& arguments = {}) {
  return testing::judged_claims(arithmetic_unlearning(), preset, "",
                                smoke_request("", arguments).assignments);
}

TEST(ArithmeticUnlearning, JudgesWhereTheThresholdsHold) {
  EXPECT_EQ(judged("quick"), "4a 4b 4c 5a 5b 6a 6b 6c 6d 9b ");
  EXPECT_EQ(judged("middle"), "4a 4b 4c 5a 5b 6a 6b 6c 6d 7a 7b 8a 8b 9a 9b ");
  EXPECT_EQ(judged("paper"), "");
  EXPECT_EQ(judged("smoke"), "");
  EXPECT_EQ(judged("quick", {"most_factor=9"}), "");
  EXPECT_EQ(judged("quick", {"alphas=0.2,0.6"}), "6a 6b 6d 9b ");
  EXPECT_EQ(judged("quick", {"rates=1e-3,3e-3,1e-2,1e-1"}), "");  // another attacker
}

}  // namespace
}  // namespace omni
