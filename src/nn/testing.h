// Training steps for tests: an ensemble's models bound to a program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "executors/cpu/program.h"
#include "nn/ensemble.h"
#include "nn/optimizers.h"

namespace omni::testing {

// The program's inputs "set/name" to a model's memory, where it reads them; to be followed by
// refresh(). Bug for shapes other than it reads. A program that updates the set writes to it.
inline void bind_model(Program& p, const std::string& set, ModelView model) {
  const std::vector<ParameterSpec>& specs = model.ensemble->specs();
  for (size_t s = 0; s < specs.size(); ++s) {
    const std::string name = set + "/" + specs[s].name;
    if (!p.has_input(name)) continue;
    check(p.input_type(name).shape == specs[s].shape, "'{}' is {}, and read as {}", name,
          specs[s].shape, p.input_type(name).shape);
    p.bind(name, model.ensemble->array(s, model.index).data());
  }
}

// One model and its optimiser's state, trained by one graph. Scalars and data are set by name and
// copied; they stay until set again. step() supplies "step" = 1, 2, 3, ...
class Trainer {
 public:
  Trainer(const Graph& g, const Net& net, std::vector<ParameterSpec> state);

  std::span<float> weights(const std::string& name) { return weights_.array(name, 0); }
  std::span<float> state(const std::string& name) { return state_.array(name, 0); }
  void set(const std::string& input, std::vector<float> values);
  void set_integers(const std::string& input, std::vector<int32_t> values);
  void step();
  float result(const std::string& name) const { return program_.result(name)[0]; }

 private:
  Ensemble weights_, state_;
  Program program_;
  std::map<std::string, std::vector<float>> floats_;
  std::map<std::string, std::vector<int32_t>> integers_;
  float steps_ = 0;
};

}  // namespace omni::testing
