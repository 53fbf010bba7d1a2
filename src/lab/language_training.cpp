#include "lab/language_training.h"

#include <algorithm>
#include <cmath>

#include "nn/neuron_groups.h"
#include "nn/schedules.h"
#include "nn/transformer_presets.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

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

LanguageTraining::Batch LanguageTraining::batch_of(Step& s, const std::string& subset,
                                                   Value positions) {
  const auto rows = [&](const char* what) { return subset_rows(s, subset, what, positions); };
  const Value tokens = rows("x"), targets = rows("y");
  return {s, subset, positions, tokens, targets, rows("weight")};
}
LanguageTraining::Batch LanguageTraining::batch_of(Step& s, const std::string& subset) {
  return batch_of(s, subset, s.index());
}

LanguageTraining::Model LanguageTraining::plain(const TransformerOptions& options) {
  return [options](Net& net, const Batch& b) { return transformer(net, b.tokens, options); };
}

StepBuilder LanguageTraining::learn(const std::string& subset, const Model& model,
                                    const LearnOptions& how) const {
  return [*this, subset, model, how](Step& s) {
    Net net = s.net("model");
    const Batch b = batch_of(s, subset);
    std::vector<Value> activity;
    for (const int64_t layer : how.l1_layers)  // before the model's hooks, which come after it
      net.hook(neurons_of(layer), [&](Value v) {
        activity.push_back(sum(abs(v)));
        return v;
      });
    Value loss = next_token_loss(model(net, b), b.targets, b.weights);
    if (how.l1 > 0)
      loss = loss + sum_n(activity) * (how.l1 / static_cast<double>(b.targets.type().count()));
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
    const Batch b = batch_of(s, subset);
    s.graph().result("loss", next_token_loss(model(net, b), b.targets, b.rows(where)));
  };
}

Training LanguageTraining::pretraining(Trial& t, const std::string& name, const Ensemble& start,
                                       const std::string& subset, StepBuilder build) const {
  Training p;
  p.name = name;
  p.start = &start;
  p.build = std::move(build);
  p.samples = rows_of(t, subset);
  p.batch = std::min(batch, p.samples);
  p.steps = steps;
  p.order = t.key().fold("order");
  p.random = t.key().fold("random");
  p.lr = [peak = lr, schedule = Schedule{Schedule::Kind::cosine, warmup, final_lr}](
             int64_t step, int64_t total) { return peak * schedule(step, total); };
  return p;
}

double LanguageTraining::loss_on(Trial& t, const Ensemble& weights, const std::string& subset,
                                 const Model& model, const std::string& where) {
  return t.evaluate(loss_over(subset, model, where), rows_of(t, subset), {{"model", &weights}})
      .at("loss")[0];
}

}  // namespace omni
