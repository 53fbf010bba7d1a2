#include "ops/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

// A graph under construction with the values of its inputs.
struct Setting {
  Graph g;
  RefInputs inputs;

  Value add(const std::string& name, const Shape& s, std::vector<double> v, int batch = kNoBatch) {
    inputs[name] = {{DType::f32, s, batch}, std::move(v)};
    return input(g, name, inputs[name].type, Role::data);
  }
  std::vector<double> value(Value v) { return interpret(g, inputs)[v.id].v; }
  std::vector<double> gradient(Value loss, Value wrt) {
    return value(gradients(loss, std::vector<Value>{wrt})[0]);
  }
};

TEST(Route, ForwardIsTheIdentity) {
  Setting s;
  const Value x = s.add("x", {2, 3}, {1, -2, 3, 4, 5, -6}, 0);
  const Value w = s.add("w", {2, 1}, {NAN, 0}, 0);
  EXPECT_EQ(s.value(route(x, w)), s.value(x));
  EXPECT_EQ(s.value(stop_gradient(x)), s.value(x));
  const Type routed = route(x, w).type();
  EXPECT_EQ(routed, x.type());
}

TEST(Route, GradientIsMultiplied) {
  const struct {
    Shape shape;
    std::vector<double> w, wanted;
  } cases[] = {
      {{}, {0.5}, {1, -2, 3, 4, 5, -6}},                    // one number
      {{}, {0}, {0, 0, 0, 0, 0, 0}},                        // nothing passes
      {{}, {-1}, {-2, 4, -6, -8, -10, 12}},                 // reversed
      {{2, 1}, {1, 0}, {2, -4, 6, 0, 0, 0}},                // per sample
      {{3}, {0, 1, -3}, {0, -4, -18, 0, 10, 36}},           // per unit
      {{2, 3}, {1, 0, 0, 0, 1, 2}, {2, 0, 0, 0, 10, -24}},  // per element
  };
  for (const auto& c : cases) {
    Setting s;
    const Value x = s.add("x", {2, 3}, {1, -2, 3, 4, 5, -6});
    const Value w = s.add("w", c.shape, c.w);
    EXPECT_THAT(s.gradient(sum(square(route(x, w))), x), Pointwise(DoubleNear(1e-12), c.wanted))
        << to_string(c.shape);
    EXPECT_EQ(s.gradient(sum(square(route(x, w))), w), std::vector<double>(c.w.size()));
  }
}

TEST(Route, RoutesMultiplyAndAdd) {
  Setting s;
  const Value x = s.add("x", {2}, {1, 2});
  const Value a = s.add("a", {}, {3}), b = s.add("b", {}, {-0.5});
  EXPECT_THAT(s.gradient(sum(route(route(x, a), b)), x), ElementsAre(-1.5, -1.5));
  EXPECT_THAT(s.gradient(sum(route(x, a) + route(x, b)), x), ElementsAre(2.5, 2.5));
  EXPECT_THAT(s.gradient(sum(route(x, 2.0)), x), ElementsAre(2, 2));
}

// Only the routed path is changed: y = route(x) + 3 x.
TEST(Route, OtherPathsKeepTheirGradient) {
  Setting s;
  const Value x = s.add("x", {3}, {1, 2, 3}), w = s.add("w", {3}, {0, 1, -1});
  EXPECT_THAT(s.gradient(sum(route(x, w) + x * 3), x), ElementsAre(3, 4, 2));
}

TEST(Route, WeightMayBeComputed) {
  Setting s;
  const Value x = s.add("x", {4}, {-1, 2, -3, 4});
  const Value w = greater(x, 0) * 0.5;  // of the routed values themselves
  EXPECT_THAT(s.gradient(sum(square(route(x, w))), x), ElementsAre(0, 2, 0, 4));
  // Its own computation carries no gradient back to x: d/dx (route(x, x)) is x, not 2 x.
  EXPECT_THAT(s.gradient(sum(route(x, x)), x), ElementsAre(-1, 2, -3, 4));
}

// loss = sum(route(x, w)^3) / 3: the first derivative is w x^2, an ordinary product, so its own
// derivative with respect to w is x^2 and, through the forward pass, 2 w x times w again for x.
TEST(Route, SecondDerivatives) {
  Setting s;
  const Value x = s.add("x", {2}, {3, -2}), w = s.add("w", {2}, {0.5, -2});
  const Value y = route(x, w);
  const Value first = gradients(sum(y * y * y) * (1.0 / 3), std::vector<Value>{x})[0];
  EXPECT_THAT(s.value(first), Pointwise(DoubleNear(1e-6), {4.5, -8.0}));
  EXPECT_THAT(s.gradient(sum(first), w), Pointwise(DoubleNear(1e-6), {9.0, 4.0}));
  // w x^2 with x routed once more: w (2 x w).
  EXPECT_THAT(s.gradient(sum(first), x), Pointwise(DoubleNear(1e-6), {1.5, -16.0}));
}

TEST(Route, StopGradientStopsNaNToo) {
  Setting s;
  const Value x = s.add("x", {2}, {0, 4});
  EXPECT_THAT(s.gradient(sum(stop_gradient(log(x)) + x), x), ElementsAre(1, 1));
  EXPECT_THAT(s.gradient(sum(log(stop_gradient(x)) + x), x), ElementsAre(1, 1));
  EXPECT_THAT(s.gradient(sum(stop_gradient(x)), x), ElementsAre(0, 0));
}

TEST(Route, PlansLeaveNothingOfIt) {
  for (const bool routed : {false, true}) {
    Graph g;
    const Value x = input(g, "x", {DType::f32, {2}}, Role::data);
    const Value w = input(g, "w", {}, Role::data);
    g.result("y", exp(routed ? stop_gradient(route(x, w)) : x));
    const float data[] = {0.5f, -1.0f}, weight = 0;
    Program program(g);
    program.bind("x", data);
    if (program.has_input("w")) program.bind("w", &weight);
    program.run();
    EXPECT_EQ(program.result("y")[0], std::exp(0.5f));
    EXPECT_EQ(program.step_labels().size(), 1u);
  }
}

TEST(Route, RefusesWeightsThatDoNotFit) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {2, 3}}, Role::data);
  const Value column = input(g, "column", {DType::f32, {2}}, Role::data);
  const Value larger = input(g, "larger", {DType::f32, {4, 2, 3}}, Role::data);
  const Value whole = input(g, "whole", {DType::i32, {2}}, Role::data);
  for (const auto& [v, w] : {std::pair{x, column}, {x, larger}, {whole, column}}) try {
      route(v, w);
      ADD_FAILURE() << "accepted";
    } catch (const UserError& e) {
      EXPECT_TRUE(std::string_view(e.what()).starts_with("route: ")) << e.what();
    }
}

const testing::Samples kSamples = {
    {&ops::route, [](Graph& g) { return route(testing::rows(g), testing::f32(g, "w", {4, 1}, 0)); }},
    {&ops::stop_gradient, [](Graph& g) { return stop_gradient(testing::rows(g)); }},
};

}  // namespace
}  // namespace omni
