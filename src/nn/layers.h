// Layers: functions that emit ops and name their parameters as PyTorch does ("name.weight",
// "name.bias"), with PyTorch's shapes.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/net.h"
#include "ops/conv.h"
#include "ops/elementwise.h"

namespace omni {

struct LinearOptions {
  Init weight = init::pytorch_linear();
  std::optional<Init> bias = {};  // default: init::pytorch_linear(fan_in)
  bool with_bias = true;
};

// x [.., in] -> [.., out]; weight [out, in], bias [out].
Value linear(Net& net, const std::string& name, Value x, int64_t out,
             const LinearOptions& options = {});

struct MlpOptions {
  std::function<Value(Value)> activation = relu;  // between layers
  LinearOptions linear = {};
  std::string prefix = "";  // before all names: "encoder."
};

// x [B, in] through linear layers of these output widths: parameters "layers.0.weight", ...;
// activations "layers.0.hook_pre" and "layers.0.hook_post" (before and after the activation
// function), ..., and "logits" (the last layer's).
Value mlp(Net& net, Value x, std::span<const int64_t> widths, const MlpOptions& options = {});
Value mlp(Net& net, Value x, std::initializer_list<int64_t> widths, const MlpOptions& options = {});

struct ConvOptions {
  Conv2d geometry = {};  // stride, padding, dilation
  LinearOptions parameters = {};
};

// x [B, H, W, C] -> [B, OH, OW, out]; weight [out, C, kernel, kernel], bias [out].
Value conv2d(Net& net, const std::string& name, Value x, int64_t out, int64_t kernel,
             const ConvOptions& options = {});

// x [B, H, W, C] -> [B, C * H * W] in the order of PyTorch's flatten of [B, C, H, W], so that the
// linear layer behind it has PyTorch's weights.
Value flatten_channels_first(Value x);

// Over the last axis; weight (ones) and, for layer_norm, bias (zeros) of its length.
Value layer_norm(Net& net, const std::string& name, Value x, double eps = 1e-5);
Value rms_norm(Net& net, const std::string& name, Value x, double eps = 1e-5);

// index i32 [..] -> [.., width]; weight [count, width], N(0, 1) by default.
Value embedding(Net& net, const std::string& name, Value index, int64_t count, int64_t width,
                const Init& weight = init::normal(0, 1));

struct ConvNetOptions {
  std::vector<int64_t> channels = {16, 32};
  LinearOptions parameters = {};  // of all layers
};

// Images [B, H, W, C] through 3x3 convolutions with padding 1, each with ReLU and 2x2 max-pooling,
// and one linear layer: parameters "conv.0.weight", ..., "head.weight"; activations
// "conv.0.hook_pre", "conv.0.hook_post" (after ReLU), "conv.0.hook_pooled", ..., "logits".
Value small_convnet(Net& net, Value images, int64_t classes, const ConvNetOptions& options = {});

}  // namespace omni
