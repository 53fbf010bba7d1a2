#include "ops/gradients.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "graph/interpreter.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "ops/leaf.h"
#include "ops/reduce.h"
#include "ops/route.h"

namespace omni {
namespace {

Value f32(Graph& g, const char* name, Shape shape = {}) {
  return input(g, name, {DType::f32, std::move(shape)}, Role::data);
}

double at(Graph& g, Value v, const std::map<std::string, double>& scalars) {
  RefInputs inputs;
  for (const auto& [name, x] : scalars) inputs[name] = {g.find_input(name)->type(), {x}};
  return interpret(g, inputs)[v.id].v[0];
}

TEST(Gradients, WaysToOneValueAddUp) {
  Graph g;
  const Value x = f32(g, "x"), left = x * 3.0, right = square(x);
  const Value d = gradients(left * right + x, std::vector{x})[0];  // 3 x^3 + x
  EXPECT_DOUBLE_EQ(at(g, d, {{"x", 2}}), 37);
}

TEST(Gradients, OfWhatIsNotUsedAreZeros) {
  Graph g;
  const Value x = f32(g, "x"), unused = f32(g, "unused", {2, 3});
  const auto d = gradients(square(x), std::vector{unused, x});
  EXPECT_EQ(d[0].shape(), (Shape{2, 3}));
  const auto values = interpret(
      g, {{"x", {x.type(), {5}}}, {"unused", {unused.type(), std::vector<double>(6, 1)}}});
  EXPECT_EQ(values[d[0].id].v, std::vector<double>(6, 0));
  EXPECT_EQ(values[d[1].id].v[0], 10);
}

TEST(Gradients, WithRespectToInnerValues) {
  Graph g;
  const Value x = f32(g, "x"), h = square(x), y = h * h;
  const auto d = gradients(y, std::vector{h, x, y});
  EXPECT_EQ(at(g, d[0], {{"x", 3}}), 18);
  EXPECT_EQ(at(g, d[1], {{"x", 3}}), 108);
  EXPECT_EQ(at(g, d[2], {{"x", 3}}), 1);
}

TEST(Gradients, StopWhereTheyAreStopped) {
  Graph g;
  const Value x = f32(g, "x");
  const auto stopped = gradients(square(stop_gradient(x)) + x, std::vector{x})[0];
  EXPECT_EQ(at(g, stopped, {{"x", 3}}), 1);
  const auto routed = gradients(square(route(x, -0.5)), std::vector{x})[0];
  EXPECT_EQ(at(g, routed, {{"x", 3}}), -3);
}

TEST(Gradients, RefuseWhatHasNone) {
  Graph g;
  const Value x = f32(g, "x", {3});
  EXPECT_THROW(gradients(square(x), std::vector{x}), UserError);  // not a scalar
  EXPECT_THROW(pullback(square(x), f32(g, "dy", {2}), std::vector{x}), UserError);
}

TEST(Gradients, SumToUndoesBroadcasting) {
  Graph g;
  const Value v = f32(g, "v", {2, 3});
  const RefInputs in = {{"v", {v.type(), {1, 2, 3, 4, 5, 6}}}};
  const auto sums = [&](const Shape& to) {
    const Value summed = sum_to(v, to);
    return interpret(g, in)[summed.id].v;
  };
  EXPECT_EQ(sums({3}), (std::vector<double>{5, 7, 9}));
  EXPECT_EQ(sums({2, 1}), (std::vector<double>{6, 15}));
  EXPECT_EQ(sums({1, 1}), std::vector<double>{21});
  EXPECT_EQ(sums({}), std::vector<double>{21});
  EXPECT_EQ(sum_to(v, {2, 3}).id, v.id);
}

// A vector that is made of the weights is one as it stands: of w^3 along w^2 it is 6 w w^2.
TEST(Gradients, HessianTimesTakesItsVectorAsConstant) {
  Graph g;
  const Value w = f32(g, "w"), v = square(w);
  const Value hv = hessian_times(w * w * w, std::vector{w}, std::vector{v})[0];
  EXPECT_EQ(at(g, hv, {{"w", 2}}), 48);
  EXPECT_THROW(hessian_times(v, std::vector{w}, std::vector{f32(g, "long", {2})}), UserError);
  EXPECT_THROW(hessian_times(v, std::vector{w}, std::vector<Value>{}), UserError);
}

// An MLP's loss, its gradient g(w), and its Hessian times a fixed direction v.
TEST(Gradients, OfGradientsAreHessianVectorProducts) {
  Graph g;
  Net net(g, "model");
  const Value x = f32(g, "x", {6, 4});
  const Value labels = input(g, "labels", {DType::i32, {6}}, Role::data);
  MlpOptions options;
  options.activation = [](Value v) { return tanh(v); };
  const Value loss = cross_entropy(mlp(net, x, {5, 3}, options), labels);
  std::vector<Value> w;
  for (const ParameterSpec& p : net.parameters()) w.push_back(net.raw_parameter(p.name));
  const std::vector<Value> d = gradients(loss, w);
  std::vector<Value> v;
  for (size_t i = 0; i < w.size(); ++i)
    v.push_back(f32(g, fmt::format("v{}", i).c_str(), w[i].shape()));
  const std::vector<Value> hessian = hessian_times(loss, w, v);

  RefInputs in;
  Stream stream(Key::of(5));
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    RefArray& a = in[n.name] = {n.type, std::vector<double>(n.type.count())};
    for (double& v : a.v)
      v = n.type.dtype == DType::i32 ? static_cast<double>(stream.below(3)) : stream.normal();
  }
  const auto exact = interpret(g, in);
  constexpr double kStep = 1e-5;
  const auto moved = [&](double step) {
    RefInputs other = in;
    for (size_t i = 0; i < w.size(); ++i)
      for (size_t k = 0; k < other[w[i].node().name].v.size(); ++k)
        other[w[i].node().name].v[k] += step * in[fmt::format("v{}", i)].v[k];
    return interpret(g, other);
  };
  const auto above = moved(kStep), below = moved(-kStep);
  for (size_t i = 0; i < w.size(); ++i)
    for (size_t k = 0; k < exact[hessian[i].id].v.size(); ++k)
      EXPECT_NEAR(exact[hessian[i].id].v[k],
                  (above[d[i].id].v[k] - below[d[i].id].v[k]) / (2 * kStep), 1e-7)
          << w[i].node().name << " " << k;
}

}  // namespace
}  // namespace omni
