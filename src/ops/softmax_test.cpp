// Softmax and losses against their references and their composed forms, over widths on both sides
// of every path, with huge logits, NaN and labels that do not exist; second derivatives.
#include "ops/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::In;
using testing::labels;
using testing::normal;
using Values = std::vector<Value>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kWidths[] = {1, 2, 3, 10, 13, 16, 64, 65, 67, 100, 257};
constexpr int64_t kHeights[] = {1, 5, 16, 35};

Value loss_sum(Values v) { return sum(softmax_cross_entropy(v[0], v[1])); }

TEST(Softmax, EveryWidth) {
  for (const int64_t classes : kWidths)
    for (const int64_t rows : kHeights) {
      SCOPED_TRACE(fmt::format("[{}, {}]", rows, classes));
      const In x = normal({rows, classes});
      check_op([](Values v) { return softmax(v[0]); }, {x});
      check_op([](Values v) { return log_softmax(v[0]); }, {x});
      check_op([](Values v) { return softmax_cross_entropy(v[0], v[1]); },
               {x, labels(rows, classes)});
      check_op([](Values v) { return softmax_cross_entropy_grad(v[0], v[1], v[2]); },
               {x, labels(rows, classes), normal({rows}, 1)});
      check_op([](Values v) { return kl_divergence(v[0], v[1]); }, {x, normal({rows, classes}, 2)});
    }
}

TEST(Softmax, OtherAxesAndRanks) {
  for (const int64_t axis : {0, 1, -2}) {
    check_op([&](Values v) { return softmax(v[0], axis); }, {normal({3, 4, 5})});
    check_op([&](Values v) { return log_softmax(v[0], axis); }, {normal({3, 4, 5})});
  }
  check_op([](Values v) { return softmax(v[0]); }, {normal({7})});
  check_op([](Values v) { return softmax_cross_entropy(v[0], v[1]); },
           {normal({2, 3, 5}), testing::integers({2, 3}, 0, 4)});
  check_op([](Values v) { return kl_divergence(v[0], v[1]); },
           {normal({2, 3, 5}), normal({2, 3, 5}, 1)});
}

TEST(Softmax, FusedLossesEqualTheirComposedForms) {
  const std::vector<In> in = {normal({6, 9}), labels(6, 9)};
  const auto fused = [](Values v) {
    return gradients(loss_sum(v), std::span(v.data(), 1))[0];
  };
  const auto composed = [](Values v) {
    return gradients(sum(softmax_cross_entropy_composed(v[0], v[1])), std::span(v.data(), 1))[0];
  };
  const RefArray f = evaluate(fused, in), c = evaluate(composed, in);
  for (size_t i = 0; i < f.v.size(); ++i) EXPECT_NEAR(f.v[i], c.v[i], 1e-12);
  check_op([](Values v) { return softmax_cross_entropy_composed(v[0], v[1]); }, in);
  const std::vector<In> two = {normal({6, 9}), normal({6, 9}, 1)};
  const RefArray kl = evaluate([](Values v) { return kl_divergence(v[0], v[1]); }, two);
  const RefArray by_hand = evaluate(
      [](Values v) {
        return reduce_sum(softmax(v[0]) * (log_softmax(v[0]) - log_softmax(v[1])), {-1});
      },
      two);
  for (size_t i = 0; i < kl.v.size(); ++i) EXPECT_NEAR(kl.v[i], by_hand.v[i], 1e-12);
}

// Hessian-vector products, themselves checked by differences.
TEST(Softmax, SecondDerivatives) {
  const In direction = normal({4, 5}, 3);
  const auto hvp = [](Value loss, Value at, Value direction) {
    const std::array wrt = {at};
    return gradients(sum(gradients(loss, wrt)[0] * direction), wrt)[0];
  };
  check_op([&](Values v) { return hvp(sum(square(softmax(v[0]))), v[0], v[1]); },
           {normal({4, 5}), direction});
  check_op([&](Values v) { return hvp(sum(square(log_softmax(v[0]))), v[0], v[1]); },
           {normal({4, 5}), direction});
  check_op(
      [&](Values v) {
        return hvp(sum(square(softmax_cross_entropy(v[0], v[1]))), v[0], v[2]);
      },
      {normal({4, 5}), labels(4, 5), direction});
  for (const int wrt : {0, 1})
    check_op([&](Values v) { return hvp(sum(square(kl_divergence(v[0], v[1]))), v[wrt], v[2]); },
             {normal({4, 5}), normal({4, 5}, 1), direction});
}

TEST(Softmax, HugeLogitsStayFinite) {
  for (const int64_t classes : {4, 80}) {
    In x = normal({3, classes}, 5);
    for (double& v : x.values) v *= 1e4;
    x.values[0] = 3e38;
    x.values[classes] = -3e38;
    check_op([](Values v) { return softmax(v[0]); }, {x}, {.gradient = false});
    check_op([](Values v) { return softmax_cross_entropy(v[0], v[1]); },
             {x, labels(3, classes)}, {.gradient = false});
    const RefArray y = evaluate([](Values v) { return kl_divergence(v[0], v[0]); }, {x});
    for (const double v : y.v) EXPECT_EQ(v, 0);
    check_op([](Values v) { return kl_divergence(v[0], v[0]); }, {x}, {.gradient = false});
  }
}

TEST(Softmax, MaskedClassesHaveNoProbability) {
  for (const int64_t classes : {4, 80}) {
    In x = normal({3, classes}, 5);
    x.values[1] = x.values[classes - 1] = -kInfinity;
    check_op([](Values v) { return softmax(v[0]); }, {x}, {.gradient = false});
    check_op([](Values v) { return kl_divergence(v[0], v[1]); }, {x, normal({3, classes})},
             {.gradient = false});
  }
}

TEST(Softmax, NanStaysInItsRow) {
  for (const int64_t classes : {5, 90})
    for (const int64_t at : {int64_t{0}, int64_t{3}, classes - 1}) {
      In x = normal({3, classes});
      x.values[classes + at] = kNan;
      const In y = normal({3, classes}, 1);
      const auto nan_rows = [&](const std::function<Value(Values)>& op, std::vector<In> in) {
        const RefArray r = evaluate(op, in);
        const size_t each = r.v.size() / 3;
        for (size_t i = 0; i < r.v.size(); ++i) EXPECT_EQ(std::isnan(r.v[i]), i / each == 1);
        check_op(op, in, {.gradient = false});
      };
      nan_rows([](Values v) { return softmax(v[0]); }, {x});
      nan_rows([](Values v) { return log_softmax(v[0]); }, {x});
      nan_rows([](Values v) { return softmax_cross_entropy(v[0], v[1]); }, {x, labels(3, classes)});
      nan_rows([](Values v) { return kl_divergence(v[0], v[1]); }, {x, y});
      nan_rows([](Values v) { return kl_divergence(v[1], v[0]); }, {x, y});
    }
}

TEST(Softmax, LabelsThatDoNotExist) {
  for (const int64_t classes : {5, 90})
    for (const double bad : {-1.0, static_cast<double>(classes), 2147483647.0, -2147483648.0}) {
      In label = labels(3, classes);
      label.values[1] = bad;
      const std::vector<In> in = {normal({3, classes}), label};
      const auto loss = [](Values v) { return softmax_cross_entropy(v[0], v[1]); };
      const RefArray r = evaluate(loss, in);
      EXPECT_FALSE(std::isnan(r.v[0]) || std::isnan(r.v[2]));
      EXPECT_TRUE(std::isnan(r.v[1]));
      check_op(loss, in, {.gradient = false});
      check_op([](Values v) { return gradients(loss_sum(v), std::span(v.data(), 1))[0]; }, in,
               {.gradient = false});
    }
}

TEST(Softmax, TypesAndBatchAxis) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {4, 5}, 0}, Role::data);
  const Value across = input(g, "across", {DType::f32, {4, 5}, 1}, Role::data);
  const Value label = input(g, "label", {DType::i32, {4}, 0}, Role::data);
  const Value fixed = input(g, "fixed", {DType::i32, {4}}, Role::data);
  const Value scalar = input(g, "scalar", {DType::f32, {}}, Role::data);
  EXPECT_EQ(softmax(x).type().batch, 0);
  EXPECT_EQ(softmax(across).type().batch, kMixedBatch);
  EXPECT_EQ(softmax(across, 0).type().batch, 1);
  EXPECT_EQ(softmax_cross_entropy(x, label).type(), (Type{DType::f32, {4}, 0}));
  EXPECT_EQ(softmax_cross_entropy(x, fixed).type().batch, kMixedBatch);
  EXPECT_EQ(kl_divergence(x, x).type(), (Type{DType::f32, {4}, 0}));
  EXPECT_THROW(softmax_cross_entropy(x, x), UserError);
  EXPECT_THROW(softmax_cross_entropy(softmax(x, 0), reduce_sum(x, {1})), UserError);
  EXPECT_THROW(softmax(label), UserError);
  EXPECT_THROW(softmax(scalar), UserError);
  EXPECT_THROW(softmax(x, 2), UserError);
  EXPECT_THROW(kl_divergence(x, reduce_sum(x, {0}, true)), UserError);
}

const testing::Samples kSamples = {
    {&ops::softmax, [](Graph& g) { return softmax(testing::rows(g)); }},
    {&ops::log_softmax, [](Graph& g) { return log_softmax(testing::rows(g)); }},
    {&ops::softmax_cross_entropy,
     [](Graph& g) {
       return softmax_cross_entropy(testing::rows(g), testing::i32(g, "i", {4}, 0));
     }},
    {&ops::softmax_cross_entropy_grad,
     [](Graph& g) {
       return softmax_cross_entropy_grad(testing::rows(g), testing::i32(g, "i", {4}, 0),
                                         testing::f32(g, "dy", {4}, 0));
     }},
    {&ops::kl_divergence,
     [](Graph& g) { return kl_divergence(testing::rows(g), testing::rows(g, "y")); }},
};

}  // namespace
}  // namespace omni
