#include "studies/forgetting.h"

#include <algorithm>
#include <array>

#include "lab/options.h"
#include "nn/losses.h"
#include "nn/unlearning.h"
#include "ops/elementwise.h"
#include "ops/route.h"

namespace omni {

Trained distil(Trial& t, const LearningTask& task, const std::string& name, const Trained& start,
               Training how, const Trained& teacher) {
  how.key = t.key().fold("distillation");
  const auto loss = [&](Step& s, Net& student) {
    Net wise = s.net("teacher");
    const Value x = task.inputs(s, how.on, s.index());
    const Value wanted = stop_gradient(task.logits(wise, x));
    return kl(wanted, task.logits(student, x));
  };
  return task.train(t, name, start, how, loss, {{"teacher", &teacher}});
}

std::span<const UnlearningMethod> unlearning_methods() {
  static const std::array<UnlearningMethod, 4> kMethods = {{{"maxent", "MaxEnt"},
                                                            {"graddiff", "GradDiff"},
                                                            {"rmu", "RMU"},
                                                            {"oracle", "Oracle matching"}}};
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

Trained unlearn(Trial& t, const LearningTask& task, const Trained& base, Training how,
                const Unlearning& what) {
  const bool is_rmu = what.method == "rmu";
  const auto loss = [&](Step& s, Net& net) {
    const Value kept = task.inputs(s, how.on, s.index());
    const Value positions = task.random_positions(s, what.forget, "forget batch");
    const Value lost = task.inputs(s, what.forget, positions);
    const Value z_kept = task.logits(net, kept);
    const Value h_kept = is_rmu ? net.value(what.activation) : z_kept;
    const Value z_lost = task.logits(net, lost);
    const Value right = cross_entropy(z_kept, task.labels(s, how.on, s.index()));
    if (what.method == "maxent") return right + max_entropy(z_lost);
    if (what.method == "graddiff")
      return grad_diff(cross_entropy(z_lost, task.labels(s, what.forget, positions)), right,
                       what.graddiff_weight);
    check(is_rmu, "there is no loss of unlearning by '{}'", what.method);
    Net before = s.net("before");
    task.logits(before, kept);
    const Value h_lost = net.value(what.activation);
    const Value u = random_direction(s.key(), "rmu direction", h_lost.dim(-1));
    return rmu(h_lost, h_kept, before.value(what.activation), u, what.rmu_c, what.rmu_weight);
  };
  how.key = t.key().fold("unlearning");
  LearningTask trained = task;
  if (is_rmu) trained.apply.trainable = what.trainable;
  return trained.train(t, what.method, base, how, loss,
                       is_rmu ? Reads{{"before", &base}} : Reads{});
}

RelearningAttack attack_on(Trial& t, const LearningTask& task, const std::string& train,
                           const std::string& test) {
  const Probe probe = task.probe(t, test);
  RelearningAttack a;
  a.name = "relearn";
  a.build = descend(task.loss(train), task.optimizer, task.apply);
  a.samples = task.samples(t, train);
  a.probe = probe.build;
  a.rows = probe.rows;
  a.result = "score";
  return a;
}

}  // namespace omni
