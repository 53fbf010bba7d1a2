#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"
#include "lab/runner.h"

namespace omni {
namespace {

RunRequest smoke(const TestFolder& folder) {
  RunRequest r;
  r.preset = "smoke";
  r.assignments = {{"data", {"mnist1d"}, "test"}};
  r.threads = 2;
  r.out = folder.path() / "run";
  return r;
}

TEST(UnlearningRelearning, RunsEverywhere) {
  TestFolder folder;
  testing::SilentWatcher watcher;
  const std::atomic<bool> stop = false;
  const RunOutcome outcome =
      run_experiment(unlearning_relearning(), smoke(folder), watcher, stop);
  EXPECT_EQ(outcome.failed, 0);
  EXPECT_EQ(outcome.models, 2 * 7);
  const Results results(outcome.folder / "results.sqlite", Access::read);
  for (const char* arm : {"base", "oracle", "suppressed", "random-student", "fresh", "placebo",
                          "placebo-student"})
    for (const char* regime : {"forget", "mixed", "few", "new_output"})
      EXPECT_EQ(results.curve(std::string("relearned_") + regime, arm).size(), 3u)
          << arm << " " << regime;
  // Before the attack a network is what it was; a new output layer changes that.
  const auto before = results.curve("relearned_forget", "base").at(0);
  const auto plain = results.values("forget", "base");
  ASSERT_EQ(before.size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(before[i].value, plain[i].value);
  for (const SeedValue& v : results.values("agreement", "oracle")) EXPECT_EQ(v.value, 1);
  for (const ClaimRow& claim : outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

TEST(UnlearningRelearning, RefusesWhatCannotBe) {
  TestFolder folder;
  for (const auto& [key, value] : {std::pair{"forget", "1-9"}, {"retain", "a"}, {"arch", "cnn"},
                                   {"attack_at", "20,10"}, {"rates", "1,0.1"}, {"early", "3"}}) {
    RunRequest r = smoke(folder);
    r.assignments.push_back({key, {value}, "test"});
    EXPECT_THROW(resolve(unlearning_relearning(), r), UserError) << key;
  }
}

// Which claims are judged, of which run.
std::string judged(const std::string& preset, const std::string& data,
                   std::vector<Assignment> assignments = {}) {
  return testing::judged_claims(unlearning_relearning(), preset, data, std::move(assignments));
}

TEST(UnlearningRelearning, JudgesWhereTheThresholdsHold) {
  const std::string all = judged("quick", "mnist");
  EXPECT_NE(all.find("1a"), std::string::npos);
  EXPECT_NE(all.find("3b"), std::string::npos);
  EXPECT_EQ(judged("middle", "mnist"), all);
  EXPECT_EQ(judged("paper", "mnist"), all);
  EXPECT_EQ(judged("smoke", "mnist"), "");
  EXPECT_EQ(judged("quick", "fashion-mnist"), "");
  EXPECT_EQ(judged("quick", "mnist", {{"forget", {"5-9"}, "test"}}), "");
  EXPECT_EQ(judged("quick", "mnist", {{"retain", {"0,1"}, "test"}}), all);
  const std::string gate = judged("quick", "mnist", {{"rates", {"1e-4", "1e-3"}, "test"}});
  EXPECT_NE(gate.find("1a"), std::string::npos);
  EXPECT_EQ(gate.find("2a"), std::string::npos);
  const std::vector<std::string> more_rates = {"3e-4", "1e-3", "3e-3",  // another attacker
                                               "1e-2", "3e-2", "1e-1"};
  EXPECT_EQ(judged("quick", "mnist", {{"rates", more_rates, "test"}}), gate);
  EXPECT_EQ(judged("quick", "mnist", {{"few", {"false"}, "test"}}).find("2d"), std::string::npos);
}

}  // namespace
}  // namespace omni
