#include "studies/language_training.h"

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
      weights(rows("weight")) {
  require(!subset.empty() || positions.id == s.index().id,
          "a batch of the graph's own subset has its own positions: name the subset of these");
}

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

// --- Phases ---

Training LanguageTraining::pretraining(const Trial& t, const std::string& on) const {
  Training p;
  p.on = on;
  p.batch = batch;
  p.steps = steps;
  p.lr = [peak = lr, schedule = Schedule{Schedule::Kind::cosine, warmup, final_lr}](
             int64_t step, int64_t total) { return peak * schedule(step, total); };
  p.key = t.key();
  p.optimizer = AdamW{.beta2 = beta2, .weight_decay = decay};
  if (decayed == "matrices") p.apply.decays = decay_matrices;
  return p;
}

Trained LanguageTraining::init(Trial& t, const std::string& purpose,
                               const TransformerOptions& options) {
  return t.init(transformer_parameters(options), t.key().fold(purpose));
}

double LanguageTraining::loss_on(Trial& t, const Trained& m, const std::string& subset,
                                 const Model& model, const std::string& where) {
  return t.measure(m, subset, next_token(model, where));
}

}  // namespace omni
