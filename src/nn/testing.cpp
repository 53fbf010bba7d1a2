#include "nn/testing.h"

#include <algorithm>

namespace omni::testing {
namespace {

// An optimiser without state has no arrays; an ensemble of none is fine.
Ensemble zeros(std::vector<ParameterSpec> specs) {
  Ensemble e(std::move(specs), 1);
  for (size_t s = 0; s < e.specs().size(); ++s) std::ranges::fill(e.array(s, 0), 0.0f);
  return e;
}

}  // namespace

Trainer::Trainer(const Graph& g, const Net& net, std::vector<ParameterSpec> state)
    : weights_(zeros(net.parameters())), state_(zeros(std::move(state))), program_(g) {
  bind_model(program_, net.set(), weights_[0]);
  bind_model(program_, net.set() + ".opt", state_[0]);
}

void Trainer::set(const std::string& input, std::vector<float> values) {
  auto& kept = floats_[input];
  kept = std::move(values);
  if (program_.has_input(input)) program_.bind(input, kept.data());
}

void Trainer::set_integers(const std::string& input, std::vector<int32_t> values) {
  auto& kept = integers_[input];
  kept = std::move(values);
  program_.bind(input, kept.data());
}

void Trainer::step() {
  steps_ += 1;
  set("step", {steps_});
  program_.run();
}

}  // namespace omni::testing
