#include "nn/neuron_groups.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "executors/cpu/program.h"
#include "nn/testing.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"

namespace omni {
namespace {

constexpr int64_t kBatch = 2, kLength = 5, kWords = 7, kWidth = 8, kUsual = 12, kExtra = 3;

TransformerOptions usual() {
  TransformerOptions o;
  o.vocabulary = kWords;
  o.context = kLength;
  o.layers = 2;
  o.width = kWidth;
  o.heads = 2;
  o.mlp_width = kUsual;
  o.weight = init::normal(0, 0.4);
  return o;
}
TransformerOptions expanded() {
  TransformerOptions o = usual();
  o.extra_neurons = {0, kExtra};
  return o;
}

Value tokens(Graph& g) { return input(g, "tokens", {DType::i32, {kBatch, kLength}, 0}, Role::data); }

std::vector<float> result_of(Graph& g, const Ensemble& e, Value v) {
  g.result("out", v);
  Program p(g);
  testing::bind_model(p, "model", e[0]);
  std::vector<int32_t> t(kBatch * kLength);
  for (size_t i = 0; i < t.size(); ++i) t[i] = static_cast<int32_t>(3 * i % kWords);
  p.bind("tokens", t.data());
  p.refresh();
  p.run();
  const auto r = p.result("out");
  return {r.begin(), r.end()};
}

Ensemble model(const TransformerOptions& o) {
  Ensemble e(transformer_parameters(o), 1);
  e.initialise(0, Key::of(3));
  return e;
}

TEST(NeuronGroups, AreTheUsualNeuronsAndTheExtraOnes) {
  const NeuronGroups groups = extra_neurons(expanded());
  EXPECT_EQ(groups.layers, std::vector<int64_t>{1});
  EXPECT_EQ(groups.first, kUsual);
  EXPECT_TRUE(extra_neurons(usual()).layers.empty());
}

TEST(NeuronGroups, SilencedExtraNeuronsAreAsIfTheyWereNotThere) {
  const Ensemble big = model(expanded());
  const Ensemble small = cut_to(big, transformer_parameters(usual()));
  Graph g, h, whole;
  Net net(g, "model");
  gate_neurons(net, extra_neurons(expanded()), constant(g, 1), constant(g, 0));
  const auto silent = result_of(g, big, transformer(net, tokens(g), expanded()));
  Net same(whole, "model");
  const auto with = result_of(whole, big, transformer(same, tokens(whole), expanded()));
  Net cut(h, "model");
  const auto without = result_of(h, small, transformer(cut, tokens(h), usual()));
  ASSERT_EQ(silent.size(), without.size());
  double apart = 0;
  for (size_t i = 0; i < silent.size(); ++i) {
    EXPECT_NEAR(silent[i], without[i], 1e-5);
    apart += std::abs(with[i] - without[i]);
  }
  EXPECT_GT(apart, 0.01);  // they did say something
}

// The gradient of a layer's input weights is multiplied group by group, the logits are not touched.
TEST(NeuronGroups, RoutingMultipliesGradientsAlone) {
  const Ensemble e = model(expanded());
  struct Found {
    std::vector<float> gradient, logits;
  };
  const auto run = [&](bool routed) {
    Found f;
    for (const bool gradient : {true, false}) {
      Graph g;
      Net net(g, "model");
      if (routed)
        route_neurons(net, extra_neurons(expanded()), constant(g, -0.5), constant(g, 2));
      const Value logits = transformer(net, tokens(g), expanded());
      const std::vector<Value> wrt = {net.raw_parameter("blocks.1.mlp.in.weight")};
      (gradient ? f.gradient : f.logits) =
          result_of(g, e, gradient ? gradients(sum(square(logits)), wrt)[0] : logits);
    }
    return f;
  };
  const Found usual_way = run(false), routed = run(true);
  EXPECT_EQ(usual_way.logits, routed.logits);
  ASSERT_EQ(routed.gradient.size(), static_cast<size_t>((kUsual + kExtra) * kWidth));
  for (size_t i = 0; i < routed.gradient.size(); ++i)
    EXPECT_NEAR(routed.gradient[i],
                usual_way.gradient[i] * (i < kUsual * kWidth ? -0.5f : 2.0f),
                1e-5 * (1 + std::abs(usual_way.gradient[i])));
}

TEST(NeuronGroups, CuttingKeepsTheLeadingPart) {
  const Ensemble big = model(expanded());
  const Ensemble small = cut_to(big, transformer_parameters(usual()));
  const auto from = big.array("blocks.1.mlp.out.weight", 0);
  const auto to = small.array("blocks.1.mlp.out.weight", 0);
  for (int64_t row = 0; row < kWidth; ++row)
    for (int64_t j = 0; j < kUsual; ++j)
      EXPECT_EQ(to[row * kUsual + j], from[row * (kUsual + kExtra) + j]);
  EXPECT_THROW(cut_to(small, transformer_parameters(expanded())), UserError);
  EXPECT_THROW(cut_to(small, {{"nothing", {3}, init::zeros()}}), UserError);
}

TEST(NeuronGroups, WhatMlpsWriteIsOneWeightALayer) {
  const auto takes = only_mlp_outputs(1, 2);
  for (const char* name : {"blocks.1.mlp.out.weight", "blocks.2.mlp.out.weight"})
    EXPECT_TRUE(takes(name)) << name;
  for (const char* name : {"blocks.0.mlp.out.weight", "blocks.3.mlp.out.weight",
                           "blocks.1.mlp.out.bias", "blocks.1.mlp.in.weight"})
    EXPECT_FALSE(takes(name)) << name;
}

}  // namespace
}  // namespace omni
