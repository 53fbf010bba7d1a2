#include "lab/phase_inputs.h"

#include "base/error.h"

namespace omni {

PhaseInputs::PhaseInputs(Key k, const std::map<std::string, double>& numbers)
    : key{static_cast<int32_t>(k.bits), static_cast<int32_t>(k.bits >> 32)} {
  for (const auto& [name, x] : numbers) scalars[name] = static_cast<float>(x);
}

void PhaseInputs::bind(Program& p, const DataTable& tables) {
  p.unbind();
  const auto offer = [&](const std::string& name, const void* data) {
    if (p.has_input(name)) p.bind(name, data);
  };
  for (const auto& [name, array] : tables) offer(name, array.data);
  offer("key", key);
  offer("step", &step);
  offer("lr", &lr);
  for (const auto& [name, x] : scalars) offer(name, &x);
}

void require_bound(const Program& p, const std::string& phase) {
  for (const std::string& name : p.unbound())
    require(name == "index", "phase {}: its graph reads '{}', which nobody gives", phase, name);
}

}  // namespace omni
