#include "lab/sets.h"

namespace omni {
namespace {

std::string input_name(const std::string& set, const ParameterSpec& s) {
  return set + "/" + s.name;
}

}  // namespace

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

Ensemble read(const Session& s, const std::string& set, std::vector<ParameterSpec> specs) {
  Ensemble e(std::move(specs), 1);
  for (size_t i = 0; i < e.specs().size(); ++i)
    s.read(input_name(set, e.specs()[i]), e.array(i, 0));
  return e;
}

}  // namespace omni
