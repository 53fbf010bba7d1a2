#include "lab/forgetting.h"

#include <algorithm>
#include <array>

#include "lab/distillation.h"
#include "lab/options.h"
#include "nn/losses.h"
#include "nn/unlearning.h"
#include "ops/elementwise.h"

namespace omni {

Training phase_on(Trial& t, const LearningTask& task, const std::string& name,
                  const Ensemble& start, const std::string& subset, StepBuilder build,
                  int64_t batch, double rate) {
  Training p;
  p.name = name;
  p.start = &start;
  p.build = std::move(build);
  p.samples = task.samples(t, subset);
  p.batch = batch;
  p.order = t.key().fold(name).fold("order");
  p.random = t.key().fold(name).fold("random");
  p.lr = [rate](int64_t, int64_t) { return rate; };
  return p;
}

Length epochs_of(int64_t n) {
  return [n](Training& p) { p.epochs = n; };
}

Length steps_of(int64_t n) {
  return [n](Training& p) { p.steps = std::max<int64_t>(1, n); };
}

Length until(Trial& t, const LearningTask& task, const Until& u) {
  return [=, rows = task.samples(t, u.subset)](Training& p) {
    p.steps = u.most_steps;
    p.probe = Probe{.build = scored(task, u.subset, "score"), .rows = rows, .every = u.check_every};
    p.stop = StopRule{"score", u.wanted, u.usual_steps};
  };
}

Trained distil(Trial& t, const LearningTask& task, const std::string& subset, Training p,
               const Trained& teacher) {
  require(p.build == nullptr, "distil {}: the phase has a graph already", p.name);
  Distillation d;
  d.inputs = [task, subset](Step& s) { return task.inputs(s, subset, s.index()); };
  d.logits = task.logits;
  d.optimizer = task.optimizer;
  d.apply = task.apply;
  p.build = distillation(std::move(d));
  p.frozen = {{"teacher", &teacher.model}};
  p.order = t.key().fold("distillation").fold("order");
  Trained student = t.train(p);
  if (!student.diverged_at) student.diverged_at = teacher.diverged_at;
  return student;
}

std::span<const UnlearningMethod> unlearning_methods() {
  static const std::array<UnlearningMethod, 4> kMethods = {{
      {"maxent", "MaxEnt", "outputs on {} are driven to the uniform distribution"},
      {"graddiff", "GradDiff", "the loss on {} is driven up"},
      {"rmu", "RMU", "a hidden layer is driven to one direction on {}"},
      {"oracle", "Oracle matching", "distilled from the filtered network"}}};
  return kMethods;
}

std::vector<std::string> unlearning_ids(const std::string& joined) {
  std::vector<std::string> known;
  for (const UnlearningMethod& m : unlearning_methods()) known.push_back(m.id);
  return parts_of(joined, "methods", known);
}

const UnlearningMethod& unlearning_method(const std::string& id) {
  const auto it = std::ranges::find(unlearning_methods(), id, &UnlearningMethod::id);
  require(it != unlearning_methods().end(), "there is no method of unlearning '{}'", id);
  return *it;
}

StepBuilder unlearning_step(const LearningTask& task, const Unlearning& how) {
  return [task, how](Step& s) {
    const bool is_rmu = how.method == "rmu";
    Net net = s.net("model");
    const Value kept = task.inputs(s, how.retain, s.index());
    const Value positions = task.random_positions(s, how.forget, "forget batch");
    const Value lost = task.inputs(s, how.forget, positions);
    const Value z_kept = task.logits(net, kept);
    const Value h_kept = is_rmu ? net.value(how.activation) : z_kept;
    const Value z_lost = task.logits(net, lost);
    const Value right = cross_entropy(z_kept, task.labels(s, how.retain, s.index()));
    ApplyOptions apply_options = task.apply;
    Value loss = right;
    if (how.method == "maxent") loss = right + max_entropy(z_lost);
    if (how.method == "graddiff")
      loss = grad_diff(cross_entropy(z_lost, task.labels(s, how.forget, positions)), right,
                       how.graddiff_weight);
    if (is_rmu) {
      Net before = s.net("before");
      task.logits(before, kept);
      const Value h_lost = net.value(how.activation);
      const Value u = random_direction(s.key(), "rmu direction", h_lost.dim(-1));
      loss = rmu(h_lost, h_kept, before.value(how.activation), u, how.rmu_c, how.rmu_weight);
      apply_options.trainable = how.trainable;
    }
    s.graph().result("loss", loss);
    apply(task.optimizer, net, loss, s.lr(), apply_options);
  };
}

RelearningAttack attack_on(Trial& t, const LearningTask& task, const std::string& train,
                           const std::string& test) {
  RelearningAttack a;
  a.name = "relearn";
  a.build = labelled_step(task, train);
  a.samples = task.samples(t, train);
  a.probe = scored(task, test, "score");
  a.rows = task.samples(t, test);
  a.result = "score";
  return a;
}

}  // namespace omni
