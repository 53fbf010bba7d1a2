// What a session is given by the lab, and gets back: ensembles as its sets, tables, numbers.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "executors/executor.h"
#include "lab/step.h"
#include "nn/ensemble.h"

namespace omni {

SetSpecs specs_of(const std::map<std::string, const Ensemble*>& sets);
SetSpecs specs_of(const std::map<std::string, ModelView>& sets);

void give(Session& s, const DataTable& tables, const std::map<std::string, double>& numbers);
// A model as the set's parameters "SET/NAME": copied, or lent, as Session::write and lend.
void write(Session& s, const std::string& set, ModelView model);
void lend(Session& s, const std::string& set, ModelView model);
// A set's parameters where they lie.
struct SetView {
  std::vector<ParameterSpec> specs;
  std::vector<std::span<const float>> arrays;  // one per spec
};
SetView view(ModelView model);
// In the session, until it runs or is given something. Bug where the session has another size.
SetView view(const Session& s, const std::string& set, std::vector<ParameterSpec> specs);
// The set as it is now, copied.
Ensemble read(const Session& s, const std::string& set, std::vector<ParameterSpec> specs);

}  // namespace omni
