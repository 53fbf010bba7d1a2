// Optimisers: they emit gradients, state inputs and updates into the graph of a training step.
//
// All follow PyTorch's definitions step by step. The state of set "student" is the set
// "student.opt": inputs "student.opt/m/layers.0.weight", ..., zeros at the start.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/net.h"

namespace omni {

// Every number may be a Value and then differ per model and step.

// State "momentum" (none where momentum is the number 0). Weight decay is added to the gradient.
struct Sgd {
  Scalar momentum = 0.0;
  Scalar dampening = 0.0;
  bool nesterov = false;
  Scalar weight_decay = 0.0;
};

// Kingma & Ba 2015, arXiv:1412.6980. State "m" and "v". Weight decay is added to the gradient.
// Reads the input "step", which counts from 1 the updates of this state.
struct Adam {
  Scalar beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  Scalar weight_decay = 0.0;
};

// Loshchilov & Hutter 2019, arXiv:1711.05101: weights shrink by lr * weight_decay beside Adam's
// step.
struct AdamW {
  Scalar beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  Scalar weight_decay = 0.01;
};

// --- What an optimiser is ---

// Makes and updates the inputs of an optimiser's state.
class OptimizerState {
 public:
  explicit OptimizerState(const Net& net) : graph_(net.graph()), set_(net.set() + ".opt/") {}
  Value read(const char* kind, const ParameterSpec& of);  // input "<set>.opt/kind/<name>", zeros
  void write(Value state, Value next) { graph_.update(state, next); }
  std::vector<ParameterSpec> take_specs() { return std::move(specs_); }

 private:
  Graph& graph_;
  std::string set_;
  std::vector<ParameterSpec> specs_;
};

// Emits the steps of one graph. Whatever parameters share is emitted once, when it is made.
class OptimizerSteps {
 public:
  virtual ~OptimizerSteps() = default;
  // Updates the state of one parameter and returns the new w.
  virtual Value step(const ParameterSpec& spec, Value w, Value gradient, bool decays) = 0;
};

std::unique_ptr<OptimizerSteps> make_steps(const Sgd& o, Value lr, OptimizerState& state);
std::unique_ptr<OptimizerSteps> make_steps(const Adam& o, Value lr, OptimizerState& state);
std::unique_ptr<OptimizerSteps> make_steps(const AdamW& o, Value lr, OptimizerState& state);

// The numbers of an optimiser: what make_steps() takes.
template <class Numbers>
concept OptimizerNumbers = requires(const Numbers& numbers, Value lr, OptimizerState& state) {
  { make_steps(numbers, lr, state) } -> std::convertible_to<std::unique_ptr<OptimizerSteps>>;
};

// Any of the above, or one's own: a struct of its numbers, with make_steps() in its namespace.
class Optimizer {
 public:
  template <class Numbers>
  requires(!std::same_as<Numbers, Optimizer> && OptimizerNumbers<Numbers>)
      Optimizer(const Numbers& numbers)
      : start_([numbers](Value lr, OptimizerState& state) {
          return make_steps(numbers, lr, state);
        }) {}
  std::unique_ptr<OptimizerSteps> start(Value lr, OptimizerState& state) const {
    return start_(lr, state);
  }

 private:
  std::function<std::unique_ptr<OptimizerSteps>(Value lr, OptimizerState&)> start_;
};

// --- Applying it ---

struct ApplyOptions {
  // Gradients are scaled so that the norm of all trained parameters' gradients together is at most
  // this (Pascanu et al. 2013, arXiv:1211.5063). Updates then wait for the last gradient.
  std::optional<Scalar> clip_norm = {};
  // By parameter name; the others get neither gradient nor state nor update. Default: all.
  std::function<bool(const std::string&)> trainable = {};
  // Which parameters weight decay acts on; default: all. See decay_matrices().
  std::function<bool(const ParameterSpec&)> decays = {};
  // Parameter name -> truth values that broadcast to its shape: where 0, the parameter (not its
  // state) keeps its bits, whatever the gradient is.
  std::map<std::string, Value> masks = {};
};

// For ApplyOptions::decays: weights and embeddings, neither biases nor scales of norms.
bool decay_matrices(const ParameterSpec& spec);

struct Applied {
  std::vector<ParameterSpec> state;        // of the set "<set>.opt"
  std::map<std::string, Value> gradients;  // by parameter name, before clipping
};

// Emits the updates that lessen `loss`, a scalar. The first form differentiates; the second takes
// gradients made by other means, in the order of the trainable ones among net.parameters().
// UserError for unknown names in masks, when nothing is trainable and when the loss's gradient
// reaches nothing that is. Groups of parameters with settings of their own are several calls with
// filters.
Applied apply(const Optimizer& optimizer, const Net& net, Value loss, const Scalar& learning_rate,
              const ApplyOptions& options = {});
Applied apply(const Optimizer& optimizer, const Net& net, std::span<const Value> gradients,
              const Scalar& learning_rate, const ApplyOptions& options = {});

// The root of the sum of all squares.
Value global_norm(std::span<const Value> values);

}  // namespace omni
