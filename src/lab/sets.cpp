#include "lab/sets.h"

#include <algorithm>

#include "base/error.h"

namespace omni {
namespace {

std::string input_name(const std::string& set, const ParameterSpec& s) {
  return set + "/" + s.name;
}

}  // namespace

SetSpecs specs_of(const std::map<std::string, const Ensemble*>& sets) {
  SetSpecs all;
  for (const auto& [set, e] : sets) all[set] = &e->specs();
  return all;
}
SetSpecs specs_of(const std::map<std::string, ModelView>& sets) {
  SetSpecs all;
  for (const auto& [set, model] : sets) all[set] = &model.ensemble->specs();
  return all;
}

void give(Session& s, const DataTable& tables, const std::map<std::string, double>& numbers) {
  for (const auto& [name, t] : tables) s.table(name, t);
  for (const auto& [name, x] : numbers) {
    const auto value = static_cast<float>(x);
    s.write(name, {&value, 1});
  }
}

void write(Session& s, const std::string& set, ModelView model) {
  const std::vector<ParameterSpec>& specs = model.ensemble->specs();
  for (size_t i = 0; i < specs.size(); ++i)
    s.write(input_name(set, specs[i]), model.ensemble->array(i, model.index));
}

void lend(Session& s, const std::string& set, ModelView model) {
  const std::vector<ParameterSpec>& specs = model.ensemble->specs();
  for (size_t i = 0; i < specs.size(); ++i)
    s.lend(input_name(set, specs[i]), model.ensemble->array(i, model.index));
}

SetView view(ModelView model) {
  SetView v{model.ensemble->specs(), {}};
  for (size_t i = 0; i < v.specs.size(); ++i)
    v.arrays.push_back(model.ensemble->array(i, model.index));
  return v;
}

SetView view(const Session& s, const std::string& set, std::vector<ParameterSpec> specs) {
  SetView v{std::move(specs), {}};
  for (const ParameterSpec& p : v.specs) {
    v.arrays.push_back(s.read(input_name(set, p)));
    check(std::ssize(v.arrays.back()) == p.shape.count(), "'{}' has {} values, and is read as {}",
          input_name(set, p), v.arrays.back().size(), p.shape);
  }
  return v;
}

Ensemble read(const Session& s, const std::string& set, std::vector<ParameterSpec> specs) {
  const SetView from = view(s, set, std::move(specs));
  Ensemble e(from.specs, 1);
  for (size_t i = 0; i < from.specs.size(); ++i)
    std::ranges::copy(from.arrays[i], e.array(i, 0).begin());
  return e;
}

}  // namespace omni
