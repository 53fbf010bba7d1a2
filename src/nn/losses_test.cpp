#include "nn/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/interpreter.h"
#include "ops/gradients.h"

namespace omni {
namespace {

class Losses : public ::testing::Test {
 protected:
  Value logits(const char* name) { return input(g, name, {DType::f32, {2, 3}, 0}, Role::data); }
  Value labels() { return input(g, "labels", {DType::i32, {2}, 0}, Role::data); }
  std::vector<double> value(Value v, const RefInputs& more = {}) {
    RefInputs inputs = {{"a", {{DType::f32, {2, 3}, 0}, a}},
                        {"b", {{DType::f32, {2, 3}, 0}, b}},
                        {"labels", {{DType::i32, {2}, 0}, {1, 2}}}};
    inputs.insert(more.begin(), more.end());
    return interpret(g, inputs)[static_cast<size_t>(v.id)].v;
  }

  Graph g;
  const std::vector<double> a = {1, 2, 0.5, -1, 0, 3}, b = {0, 1, 2, 1, 1, -1};
};

double log_softmax_at(const double* row, int k, double t = 1) {
  double total = 0;
  for (int i = 0; i < 3; ++i) total += std::exp(row[i] / t);
  return row[k] / t - std::log(total);
}

TEST_F(Losses, CrossEntropyIsAMeanOverRows) {
  const double wanted = -(log_softmax_at(&a[0], 1) + log_softmax_at(&a[3], 2)) / 2;
  EXPECT_NEAR(value(cross_entropy(logits("a"), labels()))[0], wanted, 1e-6);
}

double kl_of(const std::vector<double>& teacher, const std::vector<double>& student, double t) {
  double total = 0;
  for (size_t row = 0; row < 6; row += 3)
    for (int k = 0; k < 3; ++k) {
      const double p = log_softmax_at(&teacher[row], k, t), q = log_softmax_at(&student[row], k, t);
      total += std::exp(p) * (p - q) / 2;
    }
  return total;
}

TEST_F(Losses, KlTakesATemperature) {
  EXPECT_NEAR(value(kl(logits("a"), logits("b")))[0], kl_of(a, b, 1), 1e-6);
  EXPECT_NEAR(value(kl(logits("a"), logits("b"), 3.0))[0], kl_of(a, b, 3), 1e-6);
  const Value t = scalar_input(g, "temperature");
  EXPECT_NEAR(value(kl(logits("a"), logits("b"), t), {{"temperature", {{}, {2}}}})[0],
              kl_of(a, b, 2), 1e-6);
}

TEST_F(Losses, MseAndL1AreMeansOverElements) {
  const Value squared = mse(logits("a"), logits("b")), absolute = l1(logits("a"), logits("b"));
  EXPECT_NEAR(value(squared)[0], (1 + 1 + 2.25 + 4 + 1 + 16) / 6, 1e-6);
  EXPECT_NEAR(value(absolute)[0], (1 + 1 + 1.5 + 2 + 1 + 4) / 6, 1e-6);
}

TEST_F(Losses, AccuracyCountsRows) {
  EXPECT_EQ(value(correct(logits("a"), labels())), (std::vector<double>{1, 1}));
  EXPECT_EQ(value(correct(logits("b"), labels())), (std::vector<double>{0, 0}));
  EXPECT_EQ(value(accuracy(logits("a"), labels()))[0], 1);
}

TEST_F(Losses, ShapesMustAgree) {
  const Value narrow = input(g, "c", {DType::f32, {2, 1}, 0}, Role::data);
  EXPECT_THROW(mse(logits("a"), narrow), UserError);
  EXPECT_THROW(l1(logits("a"), narrow), UserError);
  EXPECT_THROW(kl(logits("a"), narrow), UserError);
  EXPECT_THROW(accuracy(input(g, "d", {DType::f32, {3, 3}, 0}, Role::data), labels()), UserError);
}

}  // namespace
}  // namespace omni
