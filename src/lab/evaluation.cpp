#include "lab/evaluation.h"

#include <numeric>

#include "base/error.h"
#include "lab/phase_inputs.h"
#include "lab/soundness.h"

namespace omni {

Measured evaluate(const Evaluation& e, const DataTable& tables, const ProgramOptions& options) {
  require(e.rows >= 1, "evaluate: there are no rows to evaluate");
  Graph graph;
  Step step(graph, e.rows, tables);
  e.build(step);
  step.check_hooks();
  require_sound("evaluation", graph, e.rows, e.sets, e.scalars, tables);
  Program program(graph, options);
  return run_evaluation(e, graph, program, tables);
}

Measured run_evaluation(const Evaluation& e, const Graph& graph, Program& program,
                        const DataTable& tables) {
  PhaseInputs inputs(e.key, e.scalars);
  inputs.bind(program, tables);
  for (const auto& [name, model] : e.sets) model.ensemble->bind(program, name, model.index);
  require_bound(program, "evaluation");
  program.refresh();
  std::vector<int32_t> index(static_cast<size_t>(e.rows));
  std::iota(index.begin(), index.end(), 0);
  if (program.has_input("index")) program.bind("index", index.data());
  program.run();
  Measured out;
  for (const Output& o : graph.outputs()) {
    if (graph.node(o.id).type.dtype == DType::i32) {
      const auto r = program.result<int32_t>(o.name);
      out[o.name].assign(r.begin(), r.end());
    } else {
      const auto r = program.result(o.name);
      out[o.name].assign(r.begin(), r.end());
    }
  }
  return out;
}

}  // namespace omni
