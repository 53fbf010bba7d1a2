#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;
using testing::smoke_request;

TEST(Undo, RunsEverywhere) {
  const SmokeRun run(undo(), {"data=mnist1d"});
  EXPECT_EQ(run.outcome.failed, 0);
  // Four methods with two alphas and a student each; base, filtered, fresh; long student, placebo,
  // UNDO of the base, one more beta, two of weak unlearning, three controls.
  EXPECT_EQ(run.outcome.models, 2 * (4 * 4 + 3 + 9));
  std::set<std::string> arms;
  for (const ModelResult& m : run.results.models()) arms.insert(m.arm);
  for (const std::string& arm : arms) {
    EXPECT_EQ(run.results.curve("relearned", arm).size(), 3u) << arm;
    for (const char* metric : {"retain", "forget", "regained", "distillation", "cost"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
  }
  // The attack finds the network as it was.
  const auto before = run.results.curve("relearned", "rmu").at(0);
  const auto plain = run.results.values("forget", "rmu");
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(before[i].value, plain[i].value);
  // A placebo lasts as long as what it is held against, and no distillation goes on for ever.
  const auto steps = run.results.values("steps", "maxent-student");
  const auto same = run.results.values("steps", "placebo");
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(steps[i].value, same[i].value);
    EXPECT_LE(steps[i].value, 10);
    EXPECT_GT(steps[i].value, 0);
  }
  for (const ClaimRow& claim : run.outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

// Without damage the student is its teacher, and stays it: there is nothing to learn from it.
TEST(Undo, NoDamageChangesNothing) {
  const SmokeRun run(undo(), {"data=mnist1d", "methods=maxent", "alphas=0,1"});
  const auto same = run.results.values("retain", "maxent-undo-0");
  const auto of = run.results.values("retain", "maxent");
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(same[i].value, of[i].value, 0.02);
  for (const SeedValue& v : run.results.values("steps", "maxent-undo-0")) EXPECT_EQ(v.value, 5);
  // Claims may speak of arms that no preset has.
  const SmokeRun alone(undo(), {"data=mnist1d", "methods=graddiff", "alphas=0"});
  EXPECT_EQ(alone.outcome.failed, 0);
}

TEST(Undo, RefusesWhatCannotBe) {
  for (const char* wrong :
       {"forget=4-9", "retain=a", "arch=cnn", "attack_at=20,10", "rates=1,0.1", "early=3",
        "alphas=1,0.5", "alphas=1.5", "methods=maxent+", "methods=hope", "methods=rmu+rmu"})
    EXPECT_THROW(resolve(undo(), smoke_request("", {"data=mnist1d", wrong})), UserError) << wrong;
}

// Which claims are judged, of which run.
std::string judged(const std::string& preset, const std::string& data,
                   const std::vector<std::string>& arguments = {}) {
  return testing::judged_claims(undo(), preset, data, smoke_request("", arguments).assignments);
}

TEST(Undo, JudgesWhereTheThresholdsHold) {
  const std::string all = "4a 4b 4c 5a 5b 6a 6b 6c 6d 7a 7b 8a 8b 9a 9b ";
  EXPECT_EQ(judged("quick", "mnist"), "4a 4b 4c 5a 5b 6a 6b 6c 6d 9b ");
  EXPECT_EQ(judged("middle", "mnist"), all);
  EXPECT_EQ(judged("paper", "mnist"), all);
  EXPECT_EQ(judged("smoke", "mnist"), "");
  EXPECT_EQ(judged("quick", "fashion-mnist"), "");
  EXPECT_EQ(judged("quick", "mnist", {"alphas=0.2,0.8"}), "6a 6b 6d 9b ");
  EXPECT_EQ(judged("quick", "mnist", {"methods=rmu"}), "");
  EXPECT_EQ(judged("quick", "mnist", {"rates=1e-3"}), "");
  EXPECT_EQ(judged("quick", "mnist", {"rates=3e-4,1e-3,3e-3,1e-2,1e-1"}), "");  // another attacker
}

}  // namespace
}  // namespace omni
