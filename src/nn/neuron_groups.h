// The neurons of a transformer's MLP in two groups, the first so many and the rest: what flows
// through each of them, forward or backward, for each token; and how to do without the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/ensemble.h"
#include "nn/transformer.h"

namespace omni {

// Where the groups meet: neurons 0..first-1 and first.. of these layers.
struct NeuronGroups {
  std::vector<int64_t> layers;
  int64_t first = 0;
};

// The usual neurons of a layer against TransformerOptions::extra_neurons, in layers that have any.
NeuronGroups extra_neurons(const TransformerOptions& options);

// "blocks.2.mlp.hook_post": the neurons of a layer after their activation function.
std::string neurons_of(int64_t layer);

// One factor for each group, values that broadcast to [rows, tokens, 1], as a factor for each
// neuron, [rows, tokens, neurons].
Value by_group(const NeuronGroups& groups, int64_t neurons, Value of_first, Value of_rest);

// Hooks for a transformer that is emitted on the net afterwards. Routing leaves the forward pass as
// it is and multiplies the gradient; gating multiplies the activations.
void route_neurons(Net& net, const NeuronGroups& groups, Value of_first, Value of_rest);
void gate_neurons(Net& net, const NeuronGroups& groups, Value of_first, Value of_rest);

// The leading part of every array that a smaller model keeps: a transformer without its extra
// neurons. UserError unless each of the smaller model's parameters is there and is no larger.
Ensemble cut_to(const Ensemble& model, const std::vector<ParameterSpec>& smaller);

// For ApplyOptions::trainable: "blocks.2.mlp.out.weight" of the layers first..last, what their MLPs
// write.
std::function<bool(const std::string&)> only_mlp_outputs(int64_t first, int64_t last);

}  // namespace omni
