#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;
using testing::smoke_request;

TEST(EraUnlearning, RunsEverywhere) {
  const SmokeRun run(era_unlearning(), {"methods=era+concept+leaky+demix+rmu+era-rmu",
                                        "labelled=0.5,1", "rates=0"});
  EXPECT_EQ(run.outcome.failed, 0);
  std::set<std::string> arms;
  for (const ModelResult& m : run.results.models()) arms.insert(m.arm);
  EXPECT_EQ(arms, (std::set<std::string>{"base", "control", "pure-0.5", "pure", "era-0.5", "era",
                                         "leaky-0.5", "demix-0.5", "demix", "rmu-0.5", "rmu",
                                         "concept", "era-rmu", "era-rate-0"}));
  for (const std::string& arm : arms) {
    EXPECT_EQ(run.results.curve("relearning", arm).size(), 2u) << arm;
    for (const char* metric : {"retain", "forget", "before_forget", "relearned_1", "relearned_2",
                               "robust", "common", "forget_fact"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
  }
  // The attack finds the model as it was, and its lowest loss is no larger than its first.
  const auto lowest = run.results.values("relearned_2", "era");
  for (const auto& [step, values] : run.results.curve("relearning", "era"))
    for (size_t i = 0; i < 2; ++i) EXPECT_GE(values[i].value, lowest[i].value) << step;
  for (const ClaimRow& claim : run.outcome.claims) {
    const bool fact = claim.id.starts_with("U");
    EXPECT_EQ(claim.judgement.verdict, fact ? Verdict::supported : Verdict::not_judged) << claim.id;
  }
}

// At a rate of 1 nothing is routed: ERA is its control, to the bit.
TEST(EraUnlearning, AtARateOfOneItIsTheControl) {
  const SmokeRun run(era_unlearning(), {"methods=era", "labelled=1", "rates=0", "rate=1"});
  for (const char* metric : {"retain", "forget", "robust"}) {
    const auto era = run.results.values(metric, "era"), control = run.results.values(metric, "control");
    for (size_t i = 0; i < 2; ++i) EXPECT_FLOAT_EQ(era[i].value, control[i].value) << metric;
  }
  const auto other = run.results.values("forget", "era-rate-0");
  EXPECT_NE(other[0].value, run.results.values("forget", "era")[0].value);
}

// Too small for the claims, but each arm does what its name says.
TEST(EraUnlearning, ArmsForgetTheTopicAndKeepTheRest) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "many steps of what others run a few times";
#endif
  const SmokeRun run(era_unlearning(), {"steps=200", "lr=5e-3", "warmup=10", "stories=400",
                                        "batch=16", "methods=era+demix", "labelled=1"});
  for (size_t i = 0; i < 2; ++i) {
    const auto lost = [&](const std::string& topic, const char* arm) {
      return run.results.values(topic, arm)[i].value -
             run.results.values("before_" + topic, arm)[i].value;
    };
    EXPECT_GT(lost("forget", "pure"), 0.8);
    EXPECT_NEAR(lost("retain", "pure"), 0, 0.05);
    EXPECT_GT(lost("forget", "demix"), 0.5);
    EXPECT_NEAR(lost("retain", "demix"), 0, 0.05);
    EXPECT_GT(lost("forget", "era"), lost("forget", "control") + 0.03);
    EXPECT_GT(lost("forget", "era"), lost("retain", "era") + 0.03);
    EXPECT_EQ(lost("forget", "base"), 0);
  }
}

TEST(EraUnlearning, RefusesWhatCannotBe) {
  for (const char* wrong :
       {"methods=hope", "methods=era+era", "methods=era+leaky", "labelled=1,0.5", "labelled=0",
        "routed_layers=3", "rmu_layer=2", "attack_sizes=4,1", "attack_at=2,0", "keywords=tree",
        "size=XL", "steps=1"})
    EXPECT_THROW(resolve(era_unlearning(), smoke_request("", {wrong})), UserError) << wrong;
  EXPECT_THROW(SmokeRun(era_unlearning(), {"attack_sizes=12"}), UserError);  // as many as there are
}

std::string judged(const std::string& preset, const std::vector<std::string>& arguments = {}) {
  return testing::judged_claims(era_unlearning(), preset, "",
                                smoke_request("", arguments).assignments);
}

TEST(EraUnlearning, JudgesWhereTheThresholdsHold) {
  const std::string facts = "U1 U2 U3 ";
  const std::string quick = facts + "C1a C1b C2a C2b C3a C3b C4a C4b C7b C9a C11 C12 ";
  EXPECT_EQ(judged("quick"), quick);
  EXPECT_EQ(judged("middle"),
            facts + "C1a C1b C2a C2b C3a C3b C4a C4b C5 0.2 C5 0.5 C5 0.8 C6 0.2 C6 0.5 C6 0.8 "
                    "C6 1 C7a C7b C8a C8b C9a C9b C10a C10b C10c C11 C12 C13 C14a C14b ");
  EXPECT_EQ(judged("smoke"), facts);
  EXPECT_EQ(judged("paper"), facts);
  EXPECT_EQ(judged("quick", {"rate=0"}), facts);
  // Another attack, more sizes among them, leaves what was before it.
  for (const char* sizes : {"attack_sizes=16", "attack_sizes=4,15,16", "attack_sizes=4,16,17"})
    EXPECT_EQ(judged("quick", {sizes}), facts + "C1a C1b C2a C2b C3a C3b C4a C4b C7b C12 ")
        << sizes;
  // What claims do not speak of leaves them as they are; anything else does not.
  EXPECT_EQ(judged("quick", {"methods=era+rmu", "rmu_lr=0.002"}),
            facts + "C1a C1b C2a C2b C3a C3b C4a C4b C7b C9a C12 ");
  for (const char* other : {"decay=0.2", "warmup=60", "final_lr=0.2", "coherence_steps=41"})
    EXPECT_EQ(judged("quick", {other}), facts) << other;
  for (const char* more : {"steps=501", "held_out=1100", "attack_repeats=2"})
    EXPECT_EQ(judged("quick", {more}), quick) << more;
  EXPECT_EQ(judged("quick", {"methods=era+demix"}),
            facts + "C1a C1b C2a C2b C3a C3b C4a C4b C6 1 C7b C9a C11 C12 ");
}

}  // namespace
}  // namespace omni
