#include "lab/language_training.h"

#include <algorithm>
#include <cmath>

#include "nn/neuron_groups.h"
#include "nn/schedules.h"
#include "nn/transformer_presets.h"
#include "nn/unlearning.h"
#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {

Allowed LanguageTraining::transformer_names() {
  const std::span<const std::string> names = transformer_presets();
  return one_of({names.begin(), names.end()});
}

void LanguageTraining::check() const {
  require(steps > warmup, "warmup={}: it must be less than steps={}", warmup, steps);
  const TransformerOptions o = network(1000);
  require(length <= o.context, "length={}: network {} reads at most {} tokens", length, size,
          o.context);
}

TransformerOptions LanguageTraining::network(int64_t vocabulary) const {
  TransformerOptions o = transformer_preset(size, vocabulary);
  o.weight = init::normal(0, 0.8 / std::sqrt(static_cast<double>(o.width)));
  return o;
}

// --- Graphs ---

LanguageTraining::Batch::Batch(Step& s, const std::string& subset, Value positions)
    : step(s),
      subset(subset),
      positions(positions),
      tokens(rows("x")),
      targets(rows("y")),
      weights(rows("weight")) {}

Value LanguageTraining::Batch::rows(const std::string& what) const {
  return subset.empty() ? step.samples(what) : subset_rows(step, subset, what, positions);
}

Value LanguageTraining::Batch::per_token(Value v) const {
  return reshape(v, {v.dim(0), v.dim(1), 1});
}

Value LanguageTraining::Batch::mean(Value each) const { return sum(each * weights) / sum(weights); }

LanguageTraining::Model LanguageTraining::plain(const TransformerOptions& options) {
  return [options](Net& net, const Batch& b) { return transformer(net, b.tokens, options); };
}

namespace {

// The loss at the targets that `where` marks, and the penalty.
Value loss_of(Net& net, const LanguageTraining::Batch& b, const LanguageTraining::Model& model,
              const std::string& where, double l1, const std::vector<int64_t>& layers) {
  std::vector<Value> activity;
  for (const int64_t layer : layers)  // before the model's hooks, which come after it
    net.hook(neurons_of(layer), [&](Value v) {
      activity.push_back(sum(abs(v)));
      return v;
    });
  const Value loss = next_token_loss(model(net, b), b.targets, b.rows(where));
  if (l1 == 0) return loss;
  return loss + sum_n(activity) * (l1 / static_cast<double>(b.targets.type().count()));
}

}  // namespace

ScalarOf LanguageTraining::next_token(const Model& model, const std::string& where) {
  return [=](Step& s, Net& net) { return loss_of(net, Batch(s), model, where, 0, {}); };
}
ScalarOf LanguageTraining::next_token(const Model& model, double l1,
                                      const std::vector<int64_t>& layers) {
  return [=](Step& s, Net& net) { return loss_of(net, Batch(s), model, "weight", l1, layers); };
}

ScalarOf LanguageTraining::rmu_loss(const Model& activations, const std::string& forget,
                                    double length, double weight) {
  return [=](Step& s, Net& net) {
    Net before = s.net("before");
    const Batch kept(s), lost(s, forget, random_positions(s, forget, "forget batch"));
    const Value driven = activations(net, lost);
    const Value u = random_uniform(s.key(), convert(s.step(), DType::i32),
                                   iota(s.graph(), Shape{1}, 0), "direction", {driven.dim(-1)});
    return rmu(driven, activations(net, kept), activations(before, kept), u / sqrt(sum(square(u))),
               length, weight);
  };
}

StepBuilder LanguageTraining::learn(const std::string& subset, const Model& model,
                                    const LearnOptions& how) const {
  return [*this, subset, model, how](Step& s) {
    Net net = s.net("model");
    const Value loss = loss_of(net, Batch(s, subset), model, "weight", how.l1, how.l1_layers);
    s.graph().result("loss", loss);
    ApplyOptions options;
    if (how.clip > 0) options.clip_norm = how.clip;
    if (decayed == "matrices") options.decays = decay_matrices;
    apply(adamw(), net, loss, s.lr(), options);
  };
}

StepBuilder LanguageTraining::loss_over(const std::string& subset, const Model& model,
                                        const std::string& where) {
  return [=](Step& s) {
    Net net = s.net("model");
    s.graph().result("loss", loss_of(net, Batch(s, subset), model, where, 0, {}));
  };
}

// --- Phases ---

LanguageTraining::Phase LanguageTraining::pretraining(const std::string& on) const {
  Phase p;
  p.on = on;
  p.batch = batch;
  p.steps = steps;
  p.lr = [peak = lr, schedule = Schedule{Schedule::Kind::cosine, warmup, final_lr}](
             int64_t step, int64_t total) { return peak * schedule(step, total); };
  p.optimizer = adamw();
  if (decayed == "matrices") p.apply.decays = decay_matrices;
  return p;
}

Training LanguageTraining::pretraining(Trial& t, const std::string& name, const Ensemble& start,
                                       const std::string& subset, StepBuilder build) const {
  Training p = pretraining(subset);
  p.name = name;
  p.start = &start;
  p.build = std::move(build);
  p.samples = rows_of(t, subset);
  p.order = t.key().fold("order");
  p.random = t.key().fold("random");
  return p;
}

Trained LanguageTraining::train(Trial& t, const std::string& name, const Trained& start, Phase how,
                                const ScalarOf& loss, const Reads& reads) {
  how.name = name;
  how.start = &start.model;
  how.samples = rows_of(t, how.on);
  how.order = t.key().fold("order");
  how.random = t.key().fold("random");
  for (const auto& [set, m] : reads) how.frozen[set] = &m->model;
  if (how.probe && !how.probe->on.empty()) how.probe->rows = rows_of(t, how.probe->on);
  how.build = [&](Step& s) {
    Net net = s.net(how.set);
    const Value value = loss(s, net);
    s.graph().result("loss", value);
    omni::apply(how.optimizer, net, value, s.lr(), how.apply);
  };
  Trained out = t.train(how);
  if (!out.diverged_at) out.diverged_at = start.diverged_at;
  for (const auto& [set, m] : reads)
    if (!out.diverged_at) out.diverged_at = m->diverged_at;
  return out;
}

Trained LanguageTraining::init(Trial& t, const std::string& purpose,
                               const TransformerOptions& options) {
  return {t.init(transformer_parameters(options), t.key().fold(purpose))};
}

double LanguageTraining::loss_on(Trial& t, const Trained& m, const std::string& subset,
                                 const Model& model, const std::string& where) {
  return t.measure(m, subset, next_token(model, where));
}
double LanguageTraining::loss_on(Trial& t, const Ensemble& weights, const std::string& subset,
                                 const Model& model, const std::string& where) {
  return t.evaluate(loss_over(subset, model, where), rows_of(t, subset), {{"model", &weights}})
      .at("loss")[0];
}

}  // namespace omni
