#include "studies/learning_task.h"

#include "lab/subset.h"
#include "nn/losses.h"

namespace omni {

int64_t LearningTask::samples(const Trial& t, const std::string& subset) const {
  return rows_of(t, subset + table_suffix);
}

Value LearningTask::random_positions(Step& s, const std::string& subset,
                                     const std::string& purpose) const {
  return omni::random_positions(s, subset + table_suffix, purpose);
}

ScalarOf LearningTask::loss(const std::string& subset) const {
  return [task = *this, subset](Step& s, Net& net) {
    const Value z = task.logits(net, task.inputs(s, subset, s.index()));
    return cross_entropy(z, task.labels(s, subset, s.index()));
  };
}

ScalarOf LearningTask::scored(const std::string& subset) const {
  return [task = *this, subset](Step& s, Net& net) {
    return task.score(s, subset, task.logits(net, task.inputs(s, subset, s.index())));
  };
}

Trained LearningTask::train(Trial& t, const std::string& name, const Trained& start, Training how,
                            const ScalarOf& loss, const Reads& reads) const {
  how.on += table_suffix;
  how.optimizer = optimizer;
  how.apply = apply;
  return t.train(name, start, how, loss, reads);
}

Probe LearningTask::probe(const Trial& t, const std::string& subset) const {
  Probe p = look("score", "", scored(subset), {});
  p.rows = samples(t, subset);
  return p;
}

double score_on(Trial& t, const LearningTask& task, const Trained& model,
                const std::string& subset) {
  const Probe p = task.probe(t, subset);
  return t.evaluate(p.build, p.rows, {{"model", &model.model}}).at("score")[0];
}

}  // namespace omni
