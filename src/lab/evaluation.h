// A graph run once over rows of tables, inside of a trial.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "executors/executor.h"
#include "lab/trial.h"

namespace omni {

struct Evaluation {
  StepBuilder build;
  int64_t rows = 0;                       // 0..rows-1
  std::map<std::string, ModelView> sets;  // what it reads: {"model", ensemble[3]}
  std::map<std::string, double> scalars = {};
  Key key = {};  // of random values in the graph
};

// The results by name. `graph` was built from e.
Measured run_evaluation(const Evaluation& e, const std::shared_ptr<const Graph>& graph,
                        Executor& executor, const DataTable& tables);

}  // namespace omni
