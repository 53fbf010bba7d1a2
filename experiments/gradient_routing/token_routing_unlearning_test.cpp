#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::smoke_request;
using testing::SmokeRun;

TEST(TokenRoutingUnlearning, RunsEverywhere) {
  const SmokeRun run(token_routing_unlearning(), {});
  EXPECT_EQ(run.outcome.failed, 0);
  for (const char* arm : {"routed", "unrouted", "random"})
    for (const std::string topic : {"forget", "others", "retain"}) {
      const auto of = [&](const char* stage) { return run.results.values(topic + stage, arm); };
      const auto before = of("_before"), retrained = of("_retrained"), lasting = of("_lasting");
      ASSERT_EQ(lasting.size(), 2u) << arm << " " << topic;
      for (size_t i = 0; i < 2; ++i)
        EXPECT_NEAR(lasting[i].value, retrained[i].value - before[i].value, 1e-6);
      EXPECT_EQ(run.results.curve(topic, arm).size(), 2u);
    }
  EXPECT_EQ(run.results.texts("tokens").size(), 1u);
  for (const ClaimRow& claim : run.outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

// Where the other neurons get their whole gradient nothing is routed.
TEST(TokenRoutingUnlearning, AtARateOfOneItIsTheControl) {
  const SmokeRun run(token_routing_unlearning(), {"rate=1"});
  for (const char* metric : {"forget_before", "forget_retrained", "retain_ablated"}) {
    const auto a = run.results.values(metric, "routed"), b = run.results.values(metric, "unrouted");
    for (size_t i = 0; i < 2; ++i) EXPECT_FLOAT_EQ(a[i].value, b[i].value) << metric;
  }
}

// Silencing the reserved neurons costs the topic more where its tokens were routed to them, and the
// rest about as much.
TEST(TokenRoutingUnlearning, RoutedTokensSettleInTheReservedNeurons) {
  const SmokeRun run(token_routing_unlearning(),
                     {"steps=150", "lr=3e-3", "warmup=5", "stories=400", "batch=16"});
  const auto cost = [&](const std::string& topic, const char* arm, size_t seed) {
    return run.results.values(topic + "_ablated", arm)[seed].value -
           run.results.values(topic + "_before", arm)[seed].value;
  };
  for (size_t i = 0; i < 2; ++i) {
    const double more = cost("forget", "routed", i) - cost("forget", "unrouted", i);
    EXPECT_GT(more, 0.01);
    EXPECT_LT(std::abs(cost("retain", "routed", i) - cost("retain", "unrouted", i)), more);
  }
}

TEST(TokenRoutingUnlearning, RefusesWhatCannotBe) {
  for (const char* wrong : {"routed_layers=3", "neurons=128", "attack_sizes=1,2", "attack_at=0",
                            "keywords=tree", "tokens=0"})
    EXPECT_THROW(resolve(token_routing_unlearning(), smoke_request("", {wrong})), UserError)
        << wrong;
  EXPECT_THROW(SmokeRun(token_routing_unlearning(), {"tokens=300"}), UserError);
}

TEST(TokenRoutingUnlearning, JudgesWhereTheThresholdsHold) {
  const auto judged = [](const std::string& preset) {
    return testing::judged_claims(token_routing_unlearning(), preset, "", {});
  };
  EXPECT_EQ(judged("quick"), "V1a V1b V2a V2b V3 ");
  EXPECT_EQ(judged("middle"), "V1a V1b V2a V2b V3 ");
  EXPECT_EQ(judged("smoke"), "");
  EXPECT_EQ(judged("paper"), "");
}

}  // namespace
}  // namespace omni
