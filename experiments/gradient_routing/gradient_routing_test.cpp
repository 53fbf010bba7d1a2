#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni {
namespace {

using testing::SmokeRun;

double only_value(const Results& r, const std::string& metric, const std::string& arm, int seed) {
  for (const SeedValue& v : r.values(metric, arm))
    if (v.seed == seed) return v.value;
  return kNaN;
}

TEST(GradientRouting, AllSettingsRunAndMasksDoWhatTheySay) {
  const SmokeRun run(gradient_routing(), {"data=digits", "setting=1-10", "train=1500", "epochs=2",
                                          "placebo_epochs=1", "labelled_arms=0.3",
                                          "noise_arms=0.2"});
  EXPECT_EQ(run.outcome.failed, 0);
  EXPECT_EQ(run.outcome.models, 2 * 13);
  for (const ArmInfo& arm : run.results.arms())
    for (const char* metric : {"score", "mae.score", "decoder", "a_lo", "b_hi", "a.3", "mae.b.7"})
      EXPECT_EQ(run.results.values(metric, arm.name).size(), 2u) << arm.name << " " << metric;
  // The routed forward pass is the unrouted one, and gradients go where they should, on real
  // batches and trained weights.
  for (const char* arm : {"setting-1", "setting-2", "setting-3", "setting-4", "setting-5",
                          "setting-6", "random-masks", "labelled-0.3", "noise-0.2"})
    EXPECT_EQ(only_value(run.results, "forward_unchanged", arm, 0), 1) << arm;
  for (const char* arm : {"setting-1", "setting-2", "setting-6"})
    EXPECT_EQ(only_value(run.results, "gradient_masked", arm, 1), 1) << arm;
  EXPECT_EQ(run.results.images("reconstructions").size(), (1 + 2 * 3) * 10u);
  EXPECT_EQ(run.results.curve("score", "setting-1").rbegin()->first, 2);
}

// S compares certificates on equal digits: half the sum of two differences.
TEST(GradientRouting, TheScoreIsWhatThePageSays) {
  const SmokeRun run(gradient_routing(), {"data=digits", "setting=1", "train=500", "epochs=1",
                                          "placebo_epochs=0"});
  for (const int seed : {0, 1}) {
    const auto v = [&](const char* metric) {
      return only_value(run.results, metric, "setting-1", seed);
    };
    EXPECT_NEAR(v("score"), (v("a_lo") - v("a_hi") + v("b_hi") - v("b_lo")) / 2, 1e-6);
    EXPECT_NEAR(v("a_hi"), (v("a.5") + v("a.6") + v("a.7") + v("a.8") + v("a.9")) / 5, 1e-6);
    const auto last = run.results.curve("score", "setting-1").at(1);
    EXPECT_NEAR(last.at(static_cast<size_t>(seed)).value, v("score"), 1e-4);  // f32 sums
  }
}

TEST(GradientRouting, APartForEachClass) {
  const SmokeRun run(gradient_routing(), {"data=mnist1d", "split=classes", "encoding=40",
                                          "train=500", "epochs=1", "placebo_epochs=1"});
  EXPECT_EQ(run.outcome.failed, 0);
  EXPECT_EQ(run.results.values("7", "setting-1").size(), 0u);
  EXPECT_EQ(run.results.values("7.3", "setting-1").size(), 2u);  // certificate 7 on class 3
}

TEST(GradientRouting, RefusesWhatCannotBe) {
  for (const char* bad : {"setting=0", "setting=11", "forget=0-9", "split=classes", "encoding=31",
                          "placebo_epochs=99", "labelled=2", "arch=cnn"})
    EXPECT_THROW(SmokeRun(gradient_routing(), {"data=digits", bad}), UserError) << bad;
  EXPECT_THROW(SmokeRun(gradient_routing(), {"data=digits", "setting=9", "noise_arms=0.1"}),
               UserError);
}

TEST(GradientRoutingVae, RunsAndLeavesTheForwardPassAlone) {
  const SmokeRun run(gradient_routing_vae(), {"data=digits", "train=800"});
  EXPECT_EQ(run.outcome.failed, 0);
  EXPECT_EQ(run.outcome.models, 2 * 3);
  EXPECT_EQ(only_value(run.results, "forward_unchanged", "routed", 0), 1);
  EXPECT_EQ(run.results.images("traversal-routed").size(), 10 * 8u);
  for (const char* arm : {"routed", "unrouted", "random-masks"})
    for (const char* metric : {"accuracy", "accuracy_sampled", "error", "drawn", "recall.9"})
      EXPECT_EQ(run.results.values(metric, arm).size(), 2u) << arm << " " << metric;
}

}  // namespace
}  // namespace omni
