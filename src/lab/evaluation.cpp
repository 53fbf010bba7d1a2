#include "lab/evaluation.h"

#include "base/error.h"
#include "executors/cpu/session.h"
#include "lab/sets.h"
#include "lab/soundness.h"

namespace omni {

Measured evaluate(const Evaluation& e, const DataTable& tables, const ProgramOptions& options) {
  require(e.rows >= 1, "evaluation: there are no rows to evaluate");
  const auto graph = std::make_shared<Graph>();
  Step step(*graph, e.rows, tables);
  emit("evaluation", e.build, step);
  require_sound("evaluation", *graph, e.rows, e.sets, e.scalars, tables);
  return run_evaluation(e, graph, *make_cpu_executor(options), tables);
}

Measured run_evaluation(const Evaluation& e, const std::shared_ptr<const Graph>& graph,
                        Executor& executor, const DataTable& tables) {
  const auto session = executor.open({{{"evaluation", graph, nullptr, 0, e.rows}}});
  give(*session, tables, e.scalars);
  for (const auto& [name, model] : e.sets) lend(*session, name, model);
  session->start({.programs = {{.order = {}, .random = e.key}}, .at = {}});
  session->run(0, 1);
  Measured out;
  for (const Output& o : graph->outputs()) {
    if (graph->node(o.id).type.dtype == DType::i32) {
      const auto r = session->result<int32_t>(0, o.name);
      out[o.name].assign(r.begin(), r.end());
    } else {
      const auto r = session->result(0, o.name);
      out[o.name].assign(r.begin(), r.end());
    }
  }
  return out;
}

}  // namespace omni
