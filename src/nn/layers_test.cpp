#include "nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/interpreter.h"

namespace omni {
namespace {

RefArray numbers(const Shape& shape, std::vector<double> v, int batch = kNoBatch) {
  return {{DType::f32, shape, batch}, std::move(v)};
}

RefArray counting(const Shape& shape, int batch = kNoBatch) {
  RefArray a = numbers(shape, {}, batch);
  for (int64_t i = 0; i < shape.count(); ++i) a.v.push_back(static_cast<double>(i));
  return a;
}

Value data(Graph& g, const RefArray& a) { return input(g, "x", a.type, Role::data); }

std::vector<double> run(const Graph& g, Value v, const RefInputs& inputs) {
  return interpret(g, inputs)[static_cast<size_t>(v.id)].v;
}

TEST(Linear, MultipliesByTheTransposedWeight) {
  Graph g;
  Net net(g, "m");
  const RefArray x = numbers({2, 3}, {1, 2, 3, 4, 5, 6}, 0);
  const Value y = linear(net, "fc", data(g, x), 2);
  const auto out = run(g, y,
                       {{"x", x},
                        {"m/fc.weight", numbers({2, 3}, {1, 0, 0, 1, 1, 1})},
                        {"m/fc.bias", numbers({2}, {10, 20})}});
  EXPECT_EQ(out, (std::vector<double>{11, 26, 14, 35}));
  EXPECT_EQ(y.type().batch, 0);
  EXPECT_THROW(linear(net, "none", data(g, x), 0), UserError);
}

TEST(Linear, BiasIsOptionalAndInitialisedByTheWeightsFan) {
  Graph g;
  Net net(g, "m");
  const Value x = data(g, numbers({2, 16}, {}, 0));
  linear(net, "a", x, 4);
  linear(net, "b", x, 4, {.with_bias = false});
  linear(net, "c", x, 4, {.weight = init::lecun_normal(), .bias = init::zeros()});
  ASSERT_EQ(net.parameters().size(), 5u);
  EXPECT_EQ(net.parameters()[1].init, init::uniform(-0.25, 0.25));
  EXPECT_EQ(net.parameters()[4].init, init::zeros());
}

TEST(Mlp, HasAnActivationBetweenLayersOnly) {
  Graph g;
  Net net(g, "m");
  const RefArray x = numbers({1, 1}, {2}, 0);
  const Value y = mlp(net, data(g, x), {2, 1}, {.linear = {.with_bias = false}, .prefix = "head."});
  const auto out = run(g, y,
                       {{"x", x},
                        {"m/head.layers.0.weight", numbers({2, 1}, {1, -1})},
                        {"m/head.layers.1.weight", numbers({1, 2}, {-3, 5})}});
  EXPECT_EQ(out, (std::vector<double>{-6}));  // relu(2) * -3 + relu(-2) * 5, no relu at the end
  EXPECT_EQ(net.value("head.layers.0.hook_post").shape(), (Shape{1, 2}));
}

TEST(Conv2dLayer, AddsABiasPerChannel) {
  Graph g;
  Net net(g, "m");
  const RefArray x = counting({1, 3, 3, 1}, 0);
  const Value y = conv2d(net, "c", data(g, x), 2, 3, {.geometry = {.padding = {1, 1}}});
  EXPECT_EQ(y.shape(), (Shape{1, 3, 3, 2}));
  std::vector<double> center(18, 0.0);  // channel 0 copies, channel 1 negates
  center[4] = 1, center[13] = -1;
  const auto out = run(g, y,
                       {{"x", x},
                        {"m/c.weight", numbers({2, 1, 3, 3}, center)},
                        {"m/c.bias", numbers({2}, {0.5, 0})}});
  EXPECT_EQ(out[0], 0.5);
  EXPECT_EQ(out[2 * 5], 5.5);
  EXPECT_EQ(out[2 * 5 + 1], -5);
}

TEST(FlattenChannelsFirst, IsPyTorchsOrder) {
  Graph g;
  const RefArray x =
      counting({1, 2, 2, 3}, 0);  // element of (row, column, channel): 6 r + 3 c + ch
  const auto out = run(g, flatten_channels_first(data(g, x)), {{"x", x}});
  EXPECT_EQ(out, (std::vector<double>{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}));
}

TEST(Norms, StartAsPlainNormalisation) {
  Graph g;
  Net net(g, "m");
  const RefArray x = numbers({1, 2}, {1, 3}, 0);
  const Value a = layer_norm(net, "ln", data(g, x), 0), b = rms_norm(net, "rms", data(g, x), 0);
  const RefInputs inputs = {{"x", x},
                            {"m/ln.weight", numbers({2}, {1, 1})},
                            {"m/ln.bias", numbers({2}, {0, 0})},
                            {"m/rms.weight", numbers({2}, {1, 1})}};
  EXPECT_NEAR(run(g, a, inputs)[1], 1, 1e-9);
  EXPECT_NEAR(run(g, b, inputs)[1], 3 / std::sqrt(5.0), 1e-9);
  EXPECT_EQ(net.parameters()[0].init, init::ones());
}

TEST(EmbeddingLayer, ReadsRows) {
  Graph g;
  Net net(g, "m");
  RefArray index = {{DType::i32, {2}, 0}, {2, 0}};
  const Value y = embedding(net, "tokens", input(g, "x", index.type, Role::data), 3, 2);
  const auto out = run(g, y, {{"x", index}, {"m/tokens.weight", counting({3, 2})}});
  EXPECT_EQ(out, (std::vector<double>{4, 5, 0, 1}));
}

TEST(SmallConvnet, HasTheShapesOfItsPyTorchTwin) {
  Graph g;
  Net net(g, "m");
  const Value x = input(g, "x", {DType::f32, {2, 28, 28, 1}, 0}, Role::data);
  EXPECT_EQ(small_convnet(net, x, 10).shape(), (Shape{2, 10}));
  ASSERT_EQ(net.parameters().size(), 6u);
  EXPECT_EQ(net.parameters()[2].shape, (Shape{32, 16, 3, 3}));
  EXPECT_EQ(net.parameters()[4].name, "head.weight");
  EXPECT_EQ(net.parameters()[4].shape, (Shape{10, 1568}));
  EXPECT_EQ(net.value("conv.1.hook_pooled").shape(), (Shape{2, 7, 7, 32}));
}

}  // namespace
}  // namespace omni
