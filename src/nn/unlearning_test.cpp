#include "nn/unlearning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace omni {
namespace {

class Unlearning : public ::testing::Test {
 protected:
  Value in(const char* name) { return input(g, name, {DType::f32, {2, 3}, 0}, Role::data); }
  Value number(const char* name) { return scalar_input(g, name); }
  std::vector<double> gradient(Value loss, Value of) {
    return value(gradients(loss, std::span(&of, 1))[0]);
  }
  std::vector<double> value(Value v) {
    return interpret(g, inputs)[static_cast<size_t>(v.id)].v;
  }

  Graph g;
  const std::vector<double> a = {1, 2, 0.5, -1, 0, 3}, b = {0, 1, 2, 1, 1, -1},
                            frozen = {0, 1, 1, 1, 0, -1};
  RefInputs inputs = {{"a", {{DType::f32, {2, 3}, 0}, a}},
                      {"b", {{DType::f32, {2, 3}, 0}, b}},
                      {"frozen", {{DType::f32, {2, 3}, 0}, frozen}},
                      {"u", {{DType::f32, {3}}, {0.6, 0, 0.8}}},
                      {"key", {{DType::i32, {2}}, {17, 4}}},
                      {"x", {{}, {2}}},
                      {"y", {{}, {0.5}}}};
};

TEST_F(Unlearning, GradDiffSubtractsTheForgetLoss) {
  const Value x = number("x"), y = number("y");
  EXPECT_DOUBLE_EQ(value(grad_diff(x, y))[0], -1.5);
  EXPECT_DOUBLE_EQ(value(grad_diff(x, y, 15.0))[0], 5.5);
  EXPECT_DOUBLE_EQ(value(grad_diff(x, y, 0.0))[0], -2);
}

TEST_F(Unlearning, MaxEntropyIsTheDivergenceFromUniform) {
  double wanted = 0;
  for (size_t row = 0; row < 6; row += 3) {
    double total = 0;
    for (int k = 0; k < 3; ++k) total += std::exp(a[row + k]);
    for (int k = 0; k < 3; ++k)
      wanted += (std::log(1.0 / 3) - a[row + k] + std::log(total)) / 3 / 2;
  }
  EXPECT_NEAR(value(max_entropy(in("a")))[0], wanted, 1e-6);
  EXPECT_NEAR(value(max_entropy(in("a") * 0.0))[0], 0, 1e-6);
}

// Its gradient is (softmax - uniform) / rows: what lowers large logits and lifts small ones.
TEST_F(Unlearning, MaxEntropyPullsLogitsTogether) {
  const Value z = in("a");
  const std::vector<double> d = gradient(max_entropy(z), z);
  const double total = std::exp(1) + std::exp(2) + std::exp(0.5);
  EXPECT_NEAR(d[0], (std::exp(1) / total - 1.0 / 3) / 2, 1e-6);
  EXPECT_GT(d[1], 0);
  EXPECT_LT(d[2], 0);
}

TEST_F(Unlearning, RmuSteersOneAndHoldsTheOther) {
  const Value h = in("a"), kept = in("b"), before = in("frozen");
  const Value u = input(g, "u", {DType::f32, {3}}, Role::data);
  double steer = 0, hold = 0;
  const double cu[] = {3, 0, 4};
  for (size_t i = 0; i < 6; ++i) {
    steer += std::pow(a[i] - cu[i % 3], 2) / 6;
    hold += std::pow(b[i] - frozen[i], 2) / 6;
  }
  const Value loss = rmu(h, kept, before, u, 5.0, 10.0);
  EXPECT_NEAR(value(loss)[0], steer + 10 * hold, 1e-6);
  EXPECT_NEAR(value(rmu(h, kept, before, u, 5.0, 0.0))[0], steer, 1e-6);
  EXPECT_NEAR(gradient(loss, kept)[2], 10 * 2 * (2 - 1) / 6.0, 1e-6);
  EXPECT_EQ(gradient(loss, before), std::vector<double>(6, 0));
}

TEST_F(Unlearning, RmuNeedsADirectionOfTheRightLength) {
  const Value u = input(g, "u", {DType::f32, {4}}, Role::data);
  EXPECT_THROW(rmu(in("a"), in("b"), in("frozen"), u, 1.0, 1.0), UserError);
}

TEST_F(Unlearning, DirectionsHaveLengthOneAndANameOfTheirOwn) {
  const Value key = input(g, "key", {DType::i32, {2}}, Role::data);
  const auto u = value(random_direction(key, "u", 50)), w = value(random_direction(key, "w", 50));
  double length = 0, product = 0, below = 0;
  for (size_t i = 0; i < 50; ++i) {
    length += u[i] * u[i];
    product += u[i] * w[i];
    below += u[i] < 0;
  }
  EXPECT_NEAR(length, 1, 1e-5);
  EXPECT_LT(std::abs(product), 0.6);
  EXPECT_GT(below, 10);
  EXPECT_LT(below, 40);
}

}  // namespace
}  // namespace omni
