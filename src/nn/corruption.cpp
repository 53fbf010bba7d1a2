#include "nn/corruption.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace omni {

void shrink_and_perturb(Ensemble& e, int64_t model, Key key, double alpha, double beta) {
  require(alpha >= 0 && alpha <= 1, "shrink and perturb: alpha must be from 0 to 1, got {}", alpha);
  if (alpha == 0) return;
  std::vector<float> fresh;
  for (size_t s = 0; s < e.specs().size(); ++s) {
    const ParameterSpec& spec = e.specs()[s];
    const auto values = e.array(s, model);
    fresh.assign(values.size(), 0);
    if (spec.shape.rank() >= 2)
      initialise({spec.name, spec.shape, init::xavier_uniform()}, key.fold(spec.name), fresh);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>((1 - alpha) * values[i] + alpha * beta * fresh[i]);
  }
}

void reinitialise(Ensemble& e, int64_t model, Key key, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto spec = std::ranges::find(e.specs(), name, &ParameterSpec::name);
    if (spec == e.specs().end()) {
      std::vector<std::string> known;
      for (const ParameterSpec& s : e.specs()) known.push_back(s.name);
      fail_user("no parameter '{}' to draw again{}", name, suggest(name, known));
    }
    initialise(*spec, key.fold(name), e.array(name, model));
  }
}

}  // namespace omni
