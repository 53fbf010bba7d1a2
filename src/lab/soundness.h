// What a phase declares against what its graphs read and write. Whatever would silently have no
// effect, or silently have one, is refused by name before anything runs, in dry runs too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "lab/trial.h"

namespace omni {

// Emits what an author's function says. UserError, beginning with `who`, for what refuses it: a
// name that is not there, shapes that do not fit, a hook on nothing; and where there is no
// function.
void emit(const std::string& who, const StepBuilder& build, Step& step);

// The state of the set's optimiser that the graph reads: the set "<set>.opt".
std::vector<ParameterSpec> states_of(const Graph& g, const std::string& set);

// A training's graphs, and where it begins and ends. Graphs that it does not have are empty.
struct TrainingGraphs {
  const Graph &step, &last_step, &probe;
  int64_t first = 0, steps = 0;  // it takes the steps first+1 .. steps
};

// UserError, naming the phase, for a graph that updates no parameter of the trained set, or
// anything of another; a loss that does not depend on the trained set; a probe that updates, or
// reads a state that the optimiser has not; inputs that nobody gives, or that are given with
// another type or shape; numbers and tables called as what the library gives ("step"); tables with
// fewer rows than there are samples, or than the row that a sample's number in another table says;
// sets, numbers and learning rates that are given and never read; snapshots and probes that are
// never reached.
void require_sound(const Training& p, const TrainingGraphs& graphs, const DataTable& tables);

// The same of what is run once over rows 0..rows-1, named by `who`: updates, inputs, rows, and what
// is given and never read.
void require_sound(const std::string& who, const Graph& graph, int64_t rows,
                   const std::map<std::string, ModelView>& sets,
                   const std::map<std::string, double>& scalars, const DataTable& tables);

}  // namespace omni
