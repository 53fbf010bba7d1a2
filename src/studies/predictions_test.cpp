#include "studies/predictions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace omni {
namespace {

const std::vector<int32_t> kLabels = {0, 1, 2, 0};

TEST(Predictions, ChosenClassesAndMargins) {
  const std::vector<float> logits = {3, 1, 2, 5, 5, 0, -1, -2, -3, 0, 4, 1};
  EXPECT_EQ(chosen_classes(logits, 3), (std::vector<int32_t>{0, 0, 0, 1}));
  EXPECT_EQ(margins(logits, kLabels, 3), (std::vector<double>{1, 0, -2, -4}));
  EXPECT_THROW(chosen_classes(logits, 5), Bug);
  EXPECT_THROW(margins(logits, std::vector<int32_t>{0, 1, 3, 0}, 3), Bug);
}

TEST(Predictions, Disagreement) {
  EXPECT_EQ(disagreement(kLabels, kLabels), 0);
  EXPECT_EQ(disagreement(kLabels, std::vector<int32_t>{0, 1, 0, 0}), 0.25);
  EXPECT_THROW(disagreement(kLabels, std::vector<int32_t>{0}), Bug);
}

// Wrong on rows 1, 2 and 1, 2, 3: of the three rows one is wrong in the same way.
TEST(Predictions, SharedErrors) {
  const std::vector<int32_t> a = {0, 2, 0, 0}, b = {0, 2, 1, 1};
  EXPECT_DOUBLE_EQ(shared_errors(a, b, kLabels), 1.0 / 3);
  EXPECT_EQ(shared_errors(a, a, kLabels), 1);
  EXPECT_TRUE(std::isnan(shared_errors(kLabels, kLabels, kLabels)));
}

// Halves against (1/4, 3/4): 0.5 log 2 + 0.5 log (2/3) = 0.5 log (4/3); the second row adds none.
TEST(Predictions, MeanKlByHand) {
  const float third = std::log(3.0f);
  const std::vector<float> a = {7, 7, 0, 1000}, b = {0, third, 5, 1005};
  EXPECT_NEAR(mean_kl(a, b, 2), 0.5 * (0.5 * std::log(4.0 / 3)), 1e-7);
  EXPECT_NEAR(mean_kl(a, a, 2), 0, 1e-12);
}

}  // namespace
}  // namespace omni
