#include "lab/evaluation.h"

#include "lab/sets.h"

namespace omni {

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
