// Changes of a model's named activations from outside its definition: patched with other values,
// steered along a direction, frozen. For probing what a model computes where, and for training that
// depends on it.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "nn/net.h"

namespace omni {

struct Intervention {
  std::string activation;              // "blocks.0.hook_resid_post"
  std::function<Value(Value)> change;  // keeps the shape
};

// `values` in place of the activation, to whose shape they broadcast: another run's, for activation
// patching (Meng et al. 2022, arXiv:2202.05262), or constant(g, 0) to ablate it. Of a mask, truth
// values that broadcast to the activation, only where it is 1; elsewhere nothing changes. With its
// own values a run keeps its bits. Gradients go to `values` where they are put in.
Intervention patch(std::string activation, Value values, std::optional<Value> mask = {});

// The activation plus coefficient times direction, which broadcasts to it (activation addition,
// Turner et al. 2023, arXiv:2308.10248). At a coefficient of 0 a run keeps its bits, but for the
// sign of zeros where the 0 is a value and not a number.
Intervention steer(std::string activation, Value direction, const Scalar& coefficient,
                   std::optional<Value> mask = {});

// No gradient passes: what lies before it learns nothing from what lies behind.
Intervention freeze(std::string activation);

// Puts hooks for these, to be called before the model is emitted; several of one activation act in
// their order. UserError then for a change of the shape, and for a name that the model does not
// have as Net::check_hooks() says.
void intervene(Net& net, std::span<const Intervention> changes);
void intervene(Net& net, std::initializer_list<Intervention> changes);

// A mask for activations [batch, length, ...]: [length, 1], 1 at these positions; negative ones
// count from the end. UserError for one that is not there.
Value at_positions(Graph& g, int64_t length, std::span<const int64_t> positions);
Value at_positions(Graph& g, int64_t length, std::initializer_list<int64_t> positions);

}  // namespace omni
