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

StepBuilder LearningTask::step(const ScalarOf& loss) const {
  return [=, optimizer = optimizer, options = apply](Step& s) {
    Net net = s.net("model");
    const Value value = loss(s, net);
    s.graph().result("loss", value);
    omni::apply(optimizer, net, value, s.lr(), options);
  };
}

Trained LearningTask::train(Trial& t, const std::string& name, const Trained& start,
                            const Training& how, const ScalarOf& loss, const Reads& reads) const {
  Training p = how;
  p.name = name;
  p.start = &start.model;
  for (const auto& [set, trained] : reads) p.frozen[set] = &trained->model;
  p.samples = samples(t, p.on);
  p.on.clear();  // positions are the task's to read
  const Key own = p.key.value_or(t.key().fold(name));
  p.order = own.fold("order");
  p.random = p.draws.value_or(own.fold("random"));
  p.key.reset();
  p.draws.reset();
  p.build = step(loss);
  Trained out = t.train(p);
  if (!out.diverged_at) out.diverged_at = start.diverged_at;
  for (const auto& [set, trained] : reads)
    if (!out.diverged_at) out.diverged_at = trained->diverged_at;
  return out;
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
