#include "lab/epochs.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "lab/subset.h"
#include "lab/test_support.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(Epochs, DoubleUpToTheLast) {
  EXPECT_EQ(doublings(1), (std::vector<int64_t>{1}));
  EXPECT_EQ(doublings(4), (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(doublings(5), (std::vector<int64_t>{1, 2, 4, 5}));
}

// 100 samples in batches of 32: four steps, the last of them short.
TEST(Epochs, AreLookedAtAndShown) {
  ToyBench b;
  Training how{.on = "train", .batch = 32, .epochs = 3, .lr = 0.01};
  EXPECT_EQ(steps_per_epoch(*b.trial, how), 4);
  look_after_epochs(*b.trial, how, "test", {3, 0, 1, 3, 9}, [](Step& s) {
    Net net = s.net("model");
    s.graph().result("score", accuracy(toy_logits(net, s.samples("x")), s.samples("y")));
  });
  EXPECT_EQ(how.probe->at, (std::vector<int64_t>{0, 4, 12}));
  EXPECT_EQ(how.probe->rows, kToyTest);

  const Trained m = b.trial->train("toy", {toy_model(*b.trial)}, how, [](Step& s, Net& net) {
    return cross_entropy(toy_logits(net, s.samples("x")), s.samples("y"));
  });
  epoch_curves(*b.trial, "toy", m, how);
  const auto& seen = b.record.models.at("toy").metrics;
  ASSERT_EQ(seen.size(), 3u);
  for (const size_t i : {0, 1, 2}) {
    EXPECT_EQ(seen[i].name, "score");
    EXPECT_EQ(seen[i].step, (std::vector<int64_t>{0, 1, 3}[i]));
    EXPECT_EQ(seen[i].value, m.probed[i].values.at("score"));
  }
  how.on = "nowhere.train";
  EXPECT_THROW(steps_per_epoch(*b.trial, how), UserError);
  EXPECT_THROW(steps_per_epoch(*b.trial, {.on = "train"}), UserError);
}

}  // namespace
}  // namespace omni
