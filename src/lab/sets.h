// What a session is given by the lab, and gets back: ensembles as its sets, tables, numbers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "executors/executor.h"
#include "lab/step.h"
#include "nn/ensemble.h"

namespace omni {

void give(Session& s, const DataTable& tables, const std::map<std::string, double>& numbers);
// A model as the set's parameters "SET/NAME": copied, or lent, as Session::write and lend.
void write(Session& s, const std::string& set, ModelView model);
void lend(Session& s, const std::string& set, ModelView model);
// The set as it is now.
Ensemble read(const Session& s, const std::string& set, std::vector<ParameterSpec> specs);

}  // namespace omni
