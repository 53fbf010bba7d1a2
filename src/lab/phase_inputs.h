// What a phase's graph reads besides the models' weights: keys, numbers and tables, kept in place
// while its programs run. Only the lab sees it.
#pragma once

#include <map>
#include <string>

#include "base/random.h"
#include "executors/cpu/program.h"
#include "lab/step.h"

namespace omni {

struct PhaseInputs {
  int32_t key[2];
  float step = 0, lr = 0;
  std::map<std::string, float> scalars;

  PhaseInputs(Key k, const std::map<std::string, double>& numbers);
  // Binds all of this and the tables, and unbinds what else the program was bound to.
  void bind(Program& p, const DataTable& tables);
};

// UserError unless all that the program reads is bound, but for the sample numbers, which change
// from step to step.
void require_bound(const Program& p, const std::string& phase);

}  // namespace omni
