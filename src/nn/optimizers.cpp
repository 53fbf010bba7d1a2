#include "nn/optimizers.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/nearest.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/leaf.h"
#include "ops/reduce.h"

namespace omni {
namespace {

class SgdSteps : public OptimizerSteps {
 public:
  SgdSteps(const Sgd& o, Value lr, OptimizerState& state) : lr_(lr), state_(state) {
    Graph& g = *lr.graph;
    require(!o.nesterov || (!o.momentum.is(0) && o.dampening.is(0)),
            "sgd: nesterov needs a momentum and no dampening");
    nesterov_ = o.nesterov;
    if (!o.weight_decay.is(0)) weight_decay_ = o.weight_decay.in(g);
    if (o.momentum.is(0)) return;
    momentum_ = o.momentum.in(g);
    // PyTorch starts the momentum with the whole first gradient.
    if (!o.dampening.is(0))
      share_ = where(less_equal(step_input(g), 1), constant(g, 1), 1 - o.dampening.in(g));
  }

  Value step(const ParameterSpec& spec, Value w, Value gradient, bool decays) override {
    if (weight_decay_ && decays) gradient = gradient + w * *weight_decay_;
    if (!momentum_) return w - lr_ * gradient;
    const Value old = state_.read("momentum", spec);
    const Value next = old * *momentum_ + (share_ ? gradient * *share_ : gradient);
    state_.write(old, next);
    return w - lr_ * (nesterov_ ? gradient + next * *momentum_ : next);
  }

 private:
  Value lr_;
  OptimizerState& state_;
  bool nesterov_;
  std::optional<Value> weight_decay_, momentum_, share_;
};

// 1 / (1 - beta^step). Written with 1 - exp(-2 y) = 2 tanh(y) / (1 + tanh(y)), which keeps its
// relative precision where beta^step is near 1; and with beta as the f32 that the moments use, so
// that at step 1 it undoes 1 - beta exactly.
Value bias_correction(const Scalar& beta, Value step) {
  Graph& g = *step.graph;
  const auto number = beta.number();
  const Value rate = number ? constant(g, -0.5 * std::log(double{static_cast<float>(*number)}))
                            : log(beta.in(g)) * -0.5;
  const Value t = tanh(step * rate);
  return (1 + t) / (2 * t);
}

class AdamSteps : public OptimizerSteps {
 public:
  enum class Decay { in_gradient, of_weights };

  template <class Options>  // Adam or AdamW
  AdamSteps(const Options& o, Decay decay, Value lr, OptimizerState& state)
      : lr_(lr),
        state_(state),
        beta1_(o.beta1.in(*lr.graph)),
        beta2_(o.beta2.in(*lr.graph)),
        eps_(o.eps.in(*lr.graph)),
        correction1_(bias_correction(o.beta1, step_input(*lr.graph))),
        correction2_(bias_correction(o.beta2, step_input(*lr.graph))) {
    if (o.weight_decay.is(0)) return;
    const Value weight_decay = o.weight_decay.in(*lr.graph);
    if (decay == Decay::in_gradient) into_gradient_ = weight_decay;
    if (decay == Decay::of_weights) shrink_ = 1 - lr * weight_decay;
  }

  Value step(const ParameterSpec& spec, Value w, Value gradient, bool decays) override {
    if (into_gradient_ && decays) gradient = gradient + w * *into_gradient_;
    const Value old_m = state_.read("m", spec), old_v = state_.read("v", spec);
    const Value m = ema(old_m, gradient, beta1_), v = ema_square(old_v, gradient, beta2_);
    state_.write(old_m, m);
    state_.write(old_v, v);
    if (shrink_ && decays) w = w * *shrink_;
    return adam_step(w, m, v, lr_, correction1_, correction2_, eps_);
  }

 private:
  Value lr_;
  OptimizerState& state_;
  Value beta1_, beta2_, eps_, correction1_, correction2_;
  std::optional<Value> into_gradient_, shrink_;
};

std::vector<ParameterSpec> trained_parameters(const Net& net, const ApplyOptions& options) {
  std::vector<ParameterSpec> trained;
  std::vector<std::string> names;
  for (const ParameterSpec& spec : net.parameters()) {
    names.push_back(spec.name);
    if (!options.trainable || options.trainable(spec.name)) trained.push_back(spec);
  }
  require(!trained.empty(), "nothing to train: no parameter of '{}' is trainable (it has: {})",
          net.set(), fmt::join(names, ", "));
  for (const auto& [name, mask] : options.masks) net.raw_parameter(name);  // refuses unknown names
  return trained;
}

// Whether a gradient is the zeros of what a loss does not reach.
bool is_nothing(Value gradient) {
  const Node* n = &gradient.graph->node(gradient.id);
  while (n->op == &ops::broadcast_to) n = &gradient.graph->node(n->in[0]);
  return constant_value(*n) == 0.0;
}

}  // namespace

Value OptimizerState::read(const char* kind, const ParameterSpec& of) {
  specs_.push_back({fmt::format("{}/{}", kind, of.name), of.shape, init::zeros()});
  return input(graph_, set_ + specs_.back().name, {DType::f32, of.shape}, Role::parameter);
}

std::unique_ptr<OptimizerSteps> make_steps(const Sgd& o, Value lr, OptimizerState& state) {
  return std::make_unique<SgdSteps>(o, lr, state);
}
std::unique_ptr<OptimizerSteps> make_steps(const Adam& o, Value lr, OptimizerState& state) {
  return std::make_unique<AdamSteps>(o, AdamSteps::Decay::in_gradient, lr, state);
}
std::unique_ptr<OptimizerSteps> make_steps(const AdamW& o, Value lr, OptimizerState& state) {
  return std::make_unique<AdamSteps>(o, AdamSteps::Decay::of_weights, lr, state);
}

bool decay_matrices(const ParameterSpec& spec) { return spec.shape.rank() >= 2; }

Value global_norm(std::span<const Value> values) {
  std::vector<Value> squares;
  for (const Value& v : values) squares.push_back(sum(square(v)));
  return sqrt(sum_n(squares));
}

Applied apply(const Optimizer& optimizer, const Net& net, Value loss, const Scalar& learning_rate,
              const ApplyOptions& options) {
  std::vector<Value> trained;
  for (const ParameterSpec& spec : trained_parameters(net, options))
    trained.push_back(net.raw_parameter(spec.name));
  const std::vector<Value> found = gradients(loss, trained);
  require(
      !std::ranges::all_of(found, is_nothing),
      "the gradient of the loss reaches no parameter of '{}' that is trained: the loss is made of "
      "none, or by way of stop_gradient(), comparisons or whole numbers alone, which pass no "
      "gradient on",
      net.set());
  return apply(optimizer, net, found, learning_rate, options);
}

Applied apply(const Optimizer& optimizer, const Net& net, std::span<const Value> gradients,
              const Scalar& learning_rate, const ApplyOptions& options) {
  net.check_hooks();
  const std::vector<ParameterSpec> trained = trained_parameters(net, options);
  require(gradients.size() == trained.size(), "apply: {} gradients for {} trainable parameters",
          gradients.size(), trained.size());
  Graph& g = net.graph();
  OptimizerState state(net);
  Applied applied;
  std::optional<Value> scale;
  if (options.clip_norm)  // 1e-6 as in PyTorch: keeps 0 / 0 out
    scale = minimum(options.clip_norm->in(g) / (global_norm(gradients) + 1e-6), constant(g, 1));

  const auto steps = optimizer.start(learning_rate.in(g), state);
  for (size_t i = 0; i < trained.size(); ++i) {
    const ParameterSpec& spec = trained[i];
    const Value w = net.raw_parameter(spec.name);
    applied.gradients.emplace(spec.name, gradients[i]);
    const bool decays = !options.decays || options.decays(spec);
    Value next = steps->step(spec, w, scale ? gradients[i] * *scale : gradients[i], decays);
    const auto mask = options.masks.find(spec.name);
    if (mask != options.masks.end()) next = where(mask->second, next, w);
    g.update(w, next);
  }
  applied.state = state.take_specs();
  return applied;
}

}  // namespace omni
