// A ConvNet's training, and layers with their gradients, against what PyTorch printed for the same
// numbers (tools/golden_conv.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/testing.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "tests/golden.h"

namespace omni {
namespace {

struct Golden {
  std::string name;
  std::vector<double> losses;               // of steps 10, 20, ...; of a layer: its weighted sum
  std::vector<std::vector<double>> arrays;  // norm, elements at (2 k + 1) / 16 of the way
};

const Golden& golden(const std::string& name) {
  static const std::vector<Golden> all = {
#include "golden_conv.inc"
  };
  const auto it = std::ranges::find(all, name, &Golden::name);
  check(it != all.end(), "golden_conv.inc has no '{}'", name);
  return *it;
}

// Within `tolerance` of the array's norm and, per element, of the typical element or its own size.
void expect_near(std::span<const float> found, const std::vector<double>& wanted, double tolerance,
                 const std::string& what) {
  double squares = 0;
  for (const float x : found) squares += double{x} * x;
  EXPECT_NEAR(std::sqrt(squares), wanted[0], tolerance * wanted[0]) << what << ", norm";
  const double typical = wanted[0] / std::sqrt(static_cast<double>(found.size()));
  for (size_t k = 0; k < 8; ++k)
    EXPECT_NEAR(found[(2 * k + 1) * found.size() / 16], wanted[k + 1],
                tolerance * std::max(std::abs(wanted[k + 1]), typical))
        << what << ", sample " << k;
}

TEST(GoldenConvNet, TrainsAsPyTorchsTwin) {
  constexpr int64_t kSide = 12, kClasses = 5, kBatch = 16, kBatches = 4;
  constexpr int kSteps = 40;
  Graph g;
  Net net(g, "m");
  const Value images = input(g, "images", {DType::f32, {kBatch, kSide, kSide, 1}, 0}, Role::data);
  const Value labels = input(g, "labels", {DType::i32, {kBatch}, 0}, Role::data);
  const Value logits = small_convnet(net, images, kClasses, {.channels = {4, 8}});
  const Value loss = cross_entropy(logits, labels);
  g.result("loss", loss);
  const Applied applied = apply(Adam{}, net, loss, 3e-3);

  testing::Trainer trainer(g, net, applied.state);
  for (size_t p = 0; p < net.parameters().size(); ++p) {
    const ParameterSpec& spec = net.parameters()[p];
    const bool bias = p % 2 == 1;
    const auto fan_in = static_cast<double>(spec.shape.count() / spec.shape[0]);
    const double scale = bias ? 0.1 : 1.5 / std::sqrt(fan_in);
    const auto values = fill(spec.shape.count(), (bias ? 20 : 10) + static_cast<int>(p / 2), scale);
    std::ranges::copy(values, trainer.weights(spec.name).begin());
  }

  const Golden& wanted = golden("convnet");
  const auto all_images = fill(kBatches * kBatch * kSide * kSide, 1, 1.0);
  for (int step = 0; step < kSteps; ++step) {
    const int64_t first = step % kBatches * kBatch;
    const auto begin = all_images.begin() + first * kSide * kSide;
    std::vector<int32_t> batch_labels;
    for (int64_t i = first; i < first + kBatch; ++i)
      batch_labels.push_back(static_cast<int32_t>((7 * i + i / 3) % kClasses));
    trainer.set("images", {begin, begin + kBatch * kSide * kSide});
    trainer.set_integers("labels", batch_labels);
    trainer.step();
    if ((step + 1) % 10 == 0) {
      const double l = wanted.losses[static_cast<size_t>(step / 10)];
      EXPECT_NEAR(trainer.result("loss"), l, 1e-4 * l) << "step " << step + 1;
    }
  }
  ASSERT_EQ(net.parameters().size(), wanted.arrays.size());
  for (size_t p = 0; p < net.parameters().size(); ++p) {
    const std::string& name = net.parameters()[p].name;
    expect_near(trainer.weights(name), wanted.arrays[p], 1e-4, name);
  }
}

using Values = std::vector<Value>;

struct Layer {
  std::string name;
  std::vector<Shape> inputs;
  double scale;                  // of the inputs' numbers
  Value (*make)(const Values&);  // of the inputs
  bool rows = true;              // the first input's first axis is the batch
  friend void PrintTo(const Layer& layer, std::ostream* out) { *out << layer.name; }
};

// Which rows the embedding reads, some of them several times.
constexpr int64_t kIndices = 24;

const std::vector<Layer> kLayers = {
    {"layer_norm",
     {{6, 20}, {20}, {20}},
     2,
     [](const Values& in) { return layer_norm(in[0], in[1], in[2]); }},
    {"gelu", {{8, 25}}, 3, [](const Values& in) { return gelu(in[0]); }},
    {"gelu_tanh", {{8, 25}}, 3, [](const Values& in) { return gelu_tanh(in[0]); }},
    {"embedding",
     {{11, 7}},
     1,
     [](const Values& in) {
       const Type index = {DType::i32, {kIndices}, 0};
       return embedding(in[0], input(*in[0].graph, "index", index, Role::data));
     },
     false},
    {"kl", {{6, 5}, {6, 5}}, 4, [](const Values& in) { return kl(in[0], in[1]); }},
    {"kl_temperature", {{6, 5}, {6, 5}}, 4, [](const Values& in) { return kl(in[0], in[1], 3.0); }},
    {"mse", {{6, 5}, {6, 5}}, 1, [](const Values& in) { return mse(in[0], in[1]); }},
    {"l1", {{6, 5}, {6, 5}}, 1, [](const Values& in) { return l1(in[0], in[1]); }},
    {"conv_stride",
     {{2, 9, 8, 3}, {4, 3, 3, 3}},
     1,
     [](const Values& in) {
       return conv2d(in[0], in[1], {.stride = {2, 3}, .padding = {1, 0}});
     }},
    {"conv_padding",
     {{2, 8, 7, 2}, {3, 2, 5, 3}},
     1,
     [](const Values& in) {
       return conv2d(in[0], in[1], {.padding = {2, 1}});
     }},
    {"conv_dilation",
     {{2, 9, 9, 3}, {4, 3, 3, 3}},
     1,
     [](const Values& in) {
       return conv2d(in[0], in[1], {.padding = {2, 1}, .dilation = {2, 3}});
     }},
    {"avg_pool",
     {{2, 7, 6, 3}},
     1,
     [](const Values& in) {
       return avg_pool2d(in[0], {.kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}});
     }},
    {"max_pool",
     {{2, 7, 6, 3}},
     1,
     [](const Values& in) {
       return max_pool2d(in[0], {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}});
     }},
};

class GoldenLayer : public ::testing::TestWithParam<Layer> {};

TEST_P(GoldenLayer, MatchesPyTorch) {
  const Layer& layer = GetParam();
  Graph g;
  Values inputs;
  std::vector<std::vector<float>> numbers;
  const bool same_rows = layer.inputs.size() == 2 && layer.inputs[0] == layer.inputs[1];
  for (size_t i = 0; i < layer.inputs.size(); ++i) {
    const int batch = layer.rows && (i == 0 || same_rows) ? 0 : kNoBatch;
    inputs.push_back(
        input(g, fmt::format("x{}", i), {DType::f32, layer.inputs[i], batch}, Role::data));
    numbers.push_back(fill(layer.inputs[i].count(), 30 + static_cast<int>(i), layer.scale));
  }
  const Value y = layer.make(inputs);
  const Value total = sum(y * input(g, "weights", y.type(), Role::data));
  const std::vector<Value> d = gradients(total, inputs);
  g.result("total", total);
  g.result("y", y);
  for (size_t i = 0; i < d.size(); ++i) g.result(fmt::format("d{}", i), d[i]);

  Program program(g);
  const auto weights = fill(y.shape().count(), 40, 1);
  std::vector<int32_t> index;
  for (int32_t i = 0; i < kIndices; ++i) index.push_back((5 * i + i / 4) % 11);
  program.bind("weights", weights.data());
  if (program.has_input("index")) program.bind("index", index.data());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (program.has_input(fmt::format("x{}", i)))
      program.bind(fmt::format("x{}", i), numbers[i].data());
  program.run();

  const Golden& wanted = golden(layer.name);
  ASSERT_EQ(wanted.arrays.size(), 1 + inputs.size());
  const std::vector<double>& outputs = wanted.arrays[0];
  expect_near(program.result("y"), outputs, 2e-6, "outputs");
  // The sum's terms cancel: it errs by their size, not by its own.
  EXPECT_NEAR(program.result("total")[0], wanted.losses[0], 1e-5 * (1 + outputs[0]));
  for (size_t i = 0; i < inputs.size(); ++i)
    expect_near(program.result(fmt::format("d{}", i)), wanted.arrays[i + 1], 1e-5,
                fmt::format("gradient of input {}", i));
}

INSTANTIATE_TEST_SUITE_P(All, GoldenLayer, ::testing::ValuesIn(kLayers),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace omni
