#include "nn/layers.h"

#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

Value add_bias(Net& net, const std::string& name, Value y, int64_t fan_in,
               const LinearOptions& options) {
  if (!options.with_bias) return y;
  const Init recipe = options.bias.value_or(init::pytorch_linear(fan_in));
  return y + net.parameter(name + ".bias", {y.dim(-1)}, recipe);
}

}  // namespace

Value linear(Net& net, const std::string& name, Value x, int64_t out,
             const LinearOptions& options) {
  require(x.shape().rank() >= 2, "linear '{}': the input must be [.., in], got {}", name, x.type());
  require(out >= 1, "linear '{}': needs at least one output, got {}", name, out);
  const int64_t in = x.dim(-1);
  const Value weight = net.parameter(name + ".weight", {out, in}, options.weight);
  return add_bias(net, name, matmul(x, weight, false, true), in, options);
}

Value mlp(Net& net, Value x, std::span<const int64_t> widths, const MlpOptions& options) {
  require(!widths.empty(), "mlp: needs at least the number of outputs");
  const std::string& prefix = options.prefix;
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string name = fmt::format("{}layers.{}", prefix, i);
    x = linear(net, name, x, widths[i], options.linear);
    if (i + 1 == widths.size()) break;
    x = net.activation(name + ".hook_pre", x);
    x = net.activation(name + ".hook_post", options.activation(x));
  }
  return net.activation(prefix + "logits", x);
}

Value mlp(Net& net, Value x, std::initializer_list<int64_t> widths, const MlpOptions& options) {
  return mlp(net, x, std::span(widths.begin(), widths.size()), options);
}

Value conv2d(Net& net, const std::string& name, Value x, int64_t out, int64_t kernel,
             const ConvOptions& options) {
  require(x.shape().rank() == 4, "conv2d '{}': the input must be [B, H, W, C], got {}", name,
          x.type());
  require(out >= 1 && kernel >= 1, "conv2d '{}': {} channels of kernel {}: both must be at least 1",
          name, out, kernel);
  const Shape shape = {out, x.dim(-1), kernel, kernel};
  const Value weight = net.parameter(name + ".weight", shape, options.parameters.weight);
  const int64_t fan_in = x.dim(-1) * kernel * kernel;
  return add_bias(net, name, conv2d(x, weight, options.geometry), fan_in, options.parameters);
}

Value flatten_channels_first(Value x) {
  require(x.shape().rank() == 4, "flatten_channels_first: the input must be [B, H, W, C], got {}",
          x.type());
  return flatten(transpose(x, {0, 3, 1, 2}));
}

Value layer_norm(Net& net, const std::string& name, Value x, double eps) {
  const Value weight = net.parameter(name + ".weight", {x.dim(-1)}, init::ones());
  const Value bias = net.parameter(name + ".bias", {x.dim(-1)}, init::zeros());
  return layer_norm(x, weight, bias, eps);
}

Value rms_norm(Net& net, const std::string& name, Value x, double eps) {
  return rms_norm(x, net.parameter(name + ".weight", {x.dim(-1)}, init::ones()), eps);
}

Value embedding(Net& net, const std::string& name, Value index, int64_t count, int64_t width,
                const Init& weight) {
  require(count >= 1 && width >= 1, "embedding '{}': {} rows of width {}: both must be at least 1",
          name, count, width);
  return embedding(net.parameter(name + ".weight", {count, width}, weight), index);
}

Value small_convnet(Net& net, Value images, int64_t classes, const ConvNetOptions& options) {
  const ConvOptions conv = {.geometry = {.padding = {1, 1}}, .parameters = options.parameters};
  Value x = images;
  for (size_t i = 0; i < options.channels.size(); ++i) {
    const std::string name = fmt::format("conv.{}", i);
    x = net.activation(name + ".hook_pre", conv2d(net, name, x, options.channels[i], 3, conv));
    x = net.activation(name + ".hook_post", relu(x));
    x = net.activation(name + ".hook_pooled", max_pool2d(x));
  }
  x = linear(net, "head", flatten_channels_first(x), classes, options.parameters);
  return net.activation("logits", x);
}

}  // namespace omni
