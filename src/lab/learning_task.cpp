#include "lab/learning_task.h"

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

StepBuilder labelled_step(const LearningTask& task, const std::string& subset) {
  return [task, subset](Step& s) {
    Net net = s.net("model");
    const Value z = task.logits(net, task.inputs(s, subset, s.index()));
    const Value loss = cross_entropy(z, task.labels(s, subset, s.index()));
    s.graph().result("loss", loss);
    apply(task.optimizer, net, loss, s.lr(), task.apply);
  };
}

StepBuilder scored(const LearningTask& task, const std::string& subset, const std::string& result) {
  return [task, subset, result](Step& s) {
    Net net = s.net("model");
    const Value z = task.logits(net, task.inputs(s, subset, s.index()));
    s.graph().result(result, task.score(s, subset, z));
  };
}

double score_on(Trial& t, const LearningTask& task, const Ensemble& model,
                const std::string& subset) {
  return t.evaluate(scored(task, subset, "score"), task.samples(t, subset), {{"model", &model}})
      .at("score")[0];
}

}  // namespace omni
