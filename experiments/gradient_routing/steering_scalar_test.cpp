#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;
using testing::smoke_request;

TEST(SteeringScalar, RunsEverywhere) {
  const SmokeRun run(steering_scalar(), {});
  EXPECT_EQ(run.outcome.failed, 0);
  for (const char* arm : {"routed", "unrouted", "random"}) {
    for (const char* metric : {"rank", "kin", "kin_others", "companions", "companions_standing_out",
                               "loss", "word@1", "word@-2", "kin@-1", "companions@2",
                               "perplexity@-1", "kin_gain", "opposite_gain"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
    for (const SeedValue& v : run.results.values("rank", arm)) {
      EXPECT_GE(v.value, 1);
      EXPECT_LE(v.value, 400);
    }
  }
  EXPECT_EQ(run.results.texts("samples").size(), 6u);  // two of each of three kinds
  EXPECT_EQ(run.results.texts("ranking").size(), 2u);
  for (const ClaimRow& claim : run.outcome.claims)
    EXPECT_EQ(claim.judgement.verdict, Verdict::not_judged) << claim.id;
}

// Too short for the word to own the dimension, but its unembedding turns there and a push is felt.
TEST(SteeringScalar, RoutingDrawsTheWordToTheDimension) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "many steps of what others run a few times";
#endif
  const SmokeRun run(steering_scalar(),
                     {"steps=600", "lr=0.01", "warmup=20", "stories=800", "batch=16"});
  const auto values = [&](const char* metric, const char* arm) {
    return run.results.values(metric, arm);
  };
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GT(values("cosine", "routed")[i].value, values("cosine", "unrouted")[i].value + 0.02);
    EXPECT_GT(values("word@2", "routed")[i].value, 1.15);
    EXPECT_LT(values("word@-2", "routed")[i].value, 0.9);
    EXPECT_NEAR(values("word@2", "unrouted")[i].value, 1, 0.1);
    EXPECT_NEAR(values("word@2", "random")[i].value, 1, 0.1);
    // The best push is one of the positive ones, or none.
    for (const char* arm : {"routed", "unrouted", "random"}) {
      const auto value = [&](const std::string& metric) {
        return run.results.values(metric, arm)[i].value;
      };
      const double best = value("best_push");
      EXPECT_TRUE(best == 0 || best == 1 || best == 2) << best;
      EXPECT_EQ(value("word_gain"), best == 0 ? 1 : value(fmt::format("word@{}", best))) << arm;
      EXPECT_EQ(value("opposite_gain"), best == 0 ? 1 : value(fmt::format("word@-{}", best)));
      for (const char* push : {"1", "2"})
        if (value(fmt::format("perplexity@{}", push)) <= 2) {
          EXPECT_LE(value(fmt::format("word@{}", push)), value("word_gain"));
        }
    }
  }
}

TEST(SteeringScalar, RefusesWhatCannotBe) {
  for (const char* wrong : {"word=Marlow", "kin=Marlow", "text=stories.txt", "first_layer=2", "last_layer=2",
                            "steered_layer=2", "pushes=2,1", "pushes=0", "length=200"})
    EXPECT_THROW(resolve(steering_scalar(), smoke_request("", {wrong})), UserError) << wrong;
}

TEST(SteeringScalar, JudgesWhereTheThresholdsHold) {
  const auto judged = [](const std::string& preset, const std::vector<std::string>& arguments) {
    return testing::judged_claims(steering_scalar(), preset, "",
                                  smoke_request("", arguments).assignments);
  };
  EXPECT_EQ(judged("quick", {}), "S1a S1b S1c S2a S2b S2c S3a S3b S3c S3d T1 ");
  EXPECT_EQ(judged("middle", {}), "S1a S1b S1c S2a S2b S2c S3a S3b S3c S3d T1 ");
  EXPECT_EQ(judged("quick", {"pushes=0.1,0.2,0.3,0.5,0.7,1,2,4,8,16"}), "");
  EXPECT_EQ(judged("smoke", {}), "");
  EXPECT_EQ(judged("paper", {}), "");
}

}  // namespace
}  // namespace omni
