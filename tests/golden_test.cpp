// A hundred steps of a small MLP under every optimiser, against what PyTorch printed for the same
// data and initial weights (tools/golden_mlp.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/testing.h"
#include "tests/golden.h"

namespace omni {
namespace {

struct Golden {
  std::string name;
  std::vector<double> losses;                   // of steps 10, 20, ..., 100
  std::vector<std::vector<double>> parameters;  // norm, elements at (2 k + 1) / 16 of the way
};

const std::vector<Golden> kGolden = {
#include "golden_mlp.inc"
};

constexpr int64_t kInputs = 20, kClasses = 5, kBatch = 16, kBatches = 4;
constexpr int kSteps = 100;

struct Setting {
  Optimizer optimizer;
  double learning_rate;
  ApplyOptions options = {};
};

Setting setting(const std::string& name) {
  if (name == "sgd") return {Sgd{}, 0.1};
  if (name == "momentum")
    return {Sgd{.momentum = 0.9, .dampening = 0.1, .weight_decay = 1e-3}, 0.02};
  if (name == "nesterov") return {Sgd{.momentum = 0.9, .nesterov = true}, 0.02};
  if (name == "adam") return {Adam{}, 1e-3};
  if (name == "adam_decay") return {Adam{.weight_decay = 1e-2}, 1e-3};
  if (name == "adamw") return {AdamW{.weight_decay = 0.1}, 1e-3};
  check(name == "clipped", "no setting for '{}'", name);
  return {Sgd{.momentum = 0.5}, 0.1, {.clip_norm = 0.3}};
}

class GoldenMlp : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenMlp, MatchesPyTorch) {
  const Golden& golden = GetParam();
  const Setting s = setting(golden.name);
  Graph g;
  Net net(g, "m");
  const Value images = input(g, "images", {DType::f32, {kBatch, kInputs}, 0}, Role::data);
  const Value labels = input(g, "labels", {DType::i32, {kBatch}, 0}, Role::data);
  const Value loss = cross_entropy(mlp(net, images, {32, 32, kClasses}), labels);
  g.result("loss", loss);
  const Applied applied = apply(s.optimizer, net, loss, s.learning_rate, s.options);

  testing::Trainer trainer(g, net, applied.state);
  for (size_t p = 0; p < net.parameters().size(); ++p) {
    const ParameterSpec& spec = net.parameters()[p];
    const int layer = static_cast<int>(p / 2);
    const bool bias = p % 2 == 1;
    const double scale = bias ? 0.1 : 1.5 / std::sqrt(static_cast<double>(spec.shape[1]));
    const auto values = fill(spec.shape.count(), (bias ? 20 : 10) + layer, scale);
    std::ranges::copy(values, trainer.weights(spec.name).begin());
  }

  const auto all_images = fill(kBatches * kBatch * kInputs, 1, 1.0);
  for (int step = 0; step < kSteps; ++step) {
    const int64_t first = step % kBatches * kBatch;
    const auto begin = all_images.begin() + first * kInputs;
    std::vector<int32_t> batch_labels;
    for (int64_t i = first; i < first + kBatch; ++i)
      batch_labels.push_back(static_cast<int32_t>((7 * i + i / 3) % kClasses));
    trainer.set("images", {begin, begin + kBatch * kInputs});
    trainer.set_integers("labels", batch_labels);
    trainer.step();
    if ((step + 1) % 10 == 0) {
      const double wanted = golden.losses[static_cast<size_t>(step / 10)];
      EXPECT_NEAR(trainer.result("loss"), wanted, 1e-4 * wanted) << "step " << step + 1;
    }
  }

  for (size_t p = 0; p < net.parameters().size(); ++p) {
    const auto w = trainer.weights(net.parameters()[p].name);
    const auto& wanted = golden.parameters[p];
    double squares = 0;
    for (const float x : w) squares += double{x} * x;
    EXPECT_NEAR(std::sqrt(squares), wanted[0], 1e-4 * wanted[0]);
    const double typical = wanted[0] / std::sqrt(static_cast<double>(w.size()));
    for (size_t k = 0; k < 8; ++k)
      EXPECT_NEAR(w[(2 * k + 1) * w.size() / 16], wanted[k + 1],
                  1e-4 * std::max(std::abs(wanted[k + 1]), typical))
          << net.parameters()[p].name << ", sample " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, GoldenMlp, ::testing::ValuesIn(kGolden),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace omni
