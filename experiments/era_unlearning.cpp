// Question  Can the knowledge of a topic be trained into neurons of its own, so that taking these
//           away makes a language model forget it for good?
// Design    Expand: some layers get a few more neurons. Route: in stories labelled as the topic's,
//           tokens of the topic alone send their gradient through the new neurons, and push the old
//           ones the other way. Ablate: cut the new neurons off, and repair the rest in a step or
//           two. Held against data filtering, and attacked by training on a few forget stories.
// Expect    The loss on forget stories rises, that on the others little, and less of it comes back
//           than after other methods when labels are missing. Without routing ablation does
//           nothing.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.2.2 and appendix C
#include "experiments/era_unlearning.h"

#include <algorithm>
#include <cmath>

#include "nn/transformer_presets.h"
#include "nn/unlearning.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/iota.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "text/token_counts.h"

namespace omni {
namespace {

constexpr double kCommon = 0.85;  // the token weight from which on a token is no keyword

const std::vector<std::string> kMethods = {"era", "concept", "leaky", "demix", "rmu", "era-rmu"};

// [B] as [B, 1, 1], to go with tokens and neurons.
Value per_story(Value v) { return reshape(v, {v.dim(0), 1, 1}); }

}  // namespace

// --- Names ---

std::string EraUnlearning::arm(const std::string& method, double share) {
  return share == 1 ? method : fmt::format("{}-{}", method, share);
}
std::string EraUnlearning::rate_arm(double rate) { return fmt::format("era-rate-{}", rate); }
std::string EraUnlearning::relearned(int64_t stories) {
  return fmt::format("relearned_{}", stories);
}

void EraUnlearning::check() const {
  StoryUnlearning::check();
  parts_of(methods, "methods", kMethods);
  const TransformerOptions o = transformer_preset(size, 1000);
  require(routed_layers <= o.layers, "routed_layers={}: network {} has {} layers", routed_layers,
          size, o.layers);
  require(rmu_layer < o.layers || !(has("rmu") || has("era-rmu")),
          "rmu_layer={}: the last layer of network {} is number {}", rmu_layer, size, o.layers - 1);
  require(!labelled.empty() && std::ranges::is_sorted(labelled, std::ranges::less_equal{}),
          "labelled: the shares must ascend, such as labelled=0.2,0.5,1");
  for (const char* needs_all : {"concept", "era-rmu"})
    require(!has(needs_all) || labelled.back() == 1,
            "methods: {} is for all labels; add 1 to labelled", needs_all);
  require(!has("era-rmu") || has("era"), "methods: era-rmu goes on from era; add that");
  require(!has("leaky") || labelled.front() < 1,
          "methods: leaky is for labels that are missing; add a share below 1 to labelled");
}

std::vector<ArmInfo> EraUnlearning::arms() const {
  std::vector<ArmInfo> a = {
      {"base", "Base", "learns all stories; nothing is done to it", {}},
      {"control", "Control", "expanded and ablated like ERA, its gradients not routed", {}}};
  for (const double p : labelled) {
    const std::string of = p == 1 ? "" : fmt::format(" {}", p);
    const std::string share = p == 1 ? "" : fmt::format("; {} % have a label", 100 * p);
    const auto add = [&](const char* method, const char* label, const std::string& what) {
      a.push_back({arm(method, p), label + of, what + share, {}});
    };
    add("pure", "Filtered", "never reads labelled forget stories");
    if (has("era")) add("era", "ERA", "expand, route by target token, ablate");
    if (has("leaky") && p < 1) add("leaky", "ERA, leaky", "token weights from the true labels");
    if (has("demix"))
      add("demix", "DEMix", "an expert MLP for each kind of story, the forget one cut off");
    if (has("rmu")) add("rmu", "RMU", "base, misdirected on forget stories");
  }
  if (has("concept"))
    a.push_back({"concept", "ERA, keywords", "only the keywords themselves are routed", {}});
  if (has("era-rmu")) a.push_back({"era-rmu", "ERA + RMU", "RMU after all steps of ERA", {}});
  for (const double r : rates)
    a.push_back({rate_arm(r), fmt::format("ERA, rate {}", r),
                 "another rate for the original neurons", {}});
  return a;
}

// --- One seed ---

void EraUnlearning::run(Trial& t) const {
  const Seed seed = prepare_seed(t);
  t.part("plain", [&] { run_plain(t, seed); });
  t.part("control", [&] { run_expanded(t, seed, {"control", "", ""}); });
  for (const double p : labelled) {
    const std::string labels = arm("labels", p);
    if (has("era"))
      t.part(arm("era", p), [&] { run_expanded(t, seed, {arm("era", p), labels, labels}); });
    if (has("leaky") && p < 1)
      t.part(arm("leaky", p), [&] { run_expanded(t, seed, {arm("leaky", p), labels, "true"}); });
    if (has("demix")) t.part(arm("demix", p), [&] { run_demix(t, seed, p); });
  }
  if (has("concept"))
    t.part("concept", [&] { run_expanded(t, seed, {"concept", "labels", "concept"}); });
  for (const double r : rates)
    t.part(rate_arm(r), [&] { run_expanded(t, seed, {rate_arm(r), "labels", rate_arm(r)}); });
}

EraUnlearning::Seed EraUnlearning::prepare_seed(Trial& t) const {
  Seed s{prepare(t), {}, {}};
  const Corpus& c = s.corpus;
  s.expanded = c.model;
  s.expanded.extra_neurons.assign(static_cast<size_t>(routed_layers), neurons);
  s.groups = extra_neurons(s.expanded);

  for (const double p : labelled) add_labels(t, s, p);
  if (labelled.back() != 1) add_labels(t, s, 1);
  add_weights(t, s, "true", c.train, rate);
  for (const double r : rates) add_weights(t, s, rate_arm(r), c.train, r);
  std::vector<float> concept_weights(static_cast<size_t>(c.tokenizer->size()), 1);
  const KeywordRule rule = keyword_rule();
  for (int32_t i = 0; i < c.tokenizer->size(); ++i)
    if (rule.matches(c.tokenizer->text_of(i)))
      concept_weights[static_cast<size_t>(i)] = static_cast<float>(rate);
  t.add_table("weights.concept", std::move(concept_weights), {c.tokenizer->size()});
  return s;
}

// The first of the shuffled forget stories keep their label. Arrays "train.labels-0.5" and
// "weights.labels-0.5", subsets "known-0.5.train" and "rest-0.5.train".
void EraUnlearning::add_labels(Trial& t, const Seed& seed, double share) const {
  const TokenRows& rows = seed.corpus.train;
  const std::vector<int32_t> lost = rows_with(rows, true);
  const int64_t count = std::max<int64_t>(1, std::llround(share * static_cast<double>(lost.size())));
  std::vector<int32_t> known = picked(lost, t.key().fold("labels"), count);
  TokenRows counted = rows;
  std::ranges::fill(counted.forget, 0);
  for (const int32_t i : known) counted.forget[static_cast<size_t>(i)] = 1;
  add_weights(t, seed, arm("labels", share), counted, rate);
  t.add_table("train." + arm("labels", share),
              std::vector<float>(counted.forget.begin(), counted.forget.end()), {rows.count()});
  t.add_subset(arm("rest", share) + ".train", rows_with(counted, false));
  t.add_subset(arm("known", share) + ".train", std::move(known));
}

// What multiplies the gradient of the original neurons at each token, w + rate (1 - w): the array
// "weights.<name>". Of the true labels also where forget stories have tokens that are no keywords.
void EraUnlearning::add_weights(Trial& t, const Seed& seed, const std::string& name,
                                const TokenRows& counted, double rate_there) const {
  const int32_t size = seed.corpus.tokenizer->size();
  const std::vector<int64_t> kept = count_targets(counted, size, false);
  const std::vector<int64_t> lost = count_targets(counted, size, true);
  int64_t tokens = 0;
  for (const int64_t n : kept) tokens += n;
  const std::vector<double> w =
      retain_weights(forget_ratios(kept, lost, PseudoCounts::for_retain_tokens(tokens)));
  std::vector<float> factors;
  for (const double x : w) factors.push_back(static_cast<float>(x + rate_there * (1 - x)));
  t.add_table("weights." + name, std::move(factors), {size});
  if (name != "true") return;
  const NextTokens next = next_tokens(seed.corpus.validation);
  std::vector<float> common = next.weights;
  for (size_t i = 0; i < common.size(); ++i)
    if (w[static_cast<size_t>(next.targets[i])] < kCommon) common[i] = 0;
  t.add_table("validation.common", std::move(common), {seed.corpus.validation.count(), length});
}

// --- Arms ---

void EraUnlearning::run_plain(Trial& t, const Seed& seed) const {
  const Model model = plain(seed.corpus.model);
  const Ensemble start = t.init(transformer_parameters(seed.corpus.model), t.key().fold("init"));
  // As the source does, base and filtered models get one step of what repairs ablated ones.
  const auto trained = [&](const std::string& name, const std::string& subset) {
    const Trained m = t.train(pretraining(t, name, start, subset, learn(subset, model)));
    Training p = pretraining(t, name + ", one more step", m.model, "coherence.train",
                             learn("coherence.train", model));
    p.steps = 1;
    p.lr = [this](int64_t, int64_t) { return tuning_lr * lr; };
    Trained after = t.train(p);
    if (!after.diverged_at) after.diverged_at = m.diverged_at;
    return after;
  };
  const Trained base = trained("base", "all.train");
  const Losses before = losses(t, base.model, model);
  finish(t, seed, "base", base, before);
  for (const double p : labelled)
    finish(t, seed, arm("pure", p), trained(arm("pure", p), arm("rest", p) + ".train"), before);
  for (const double p : labelled)
    if (has("rmu"))
      finish(t, seed, arm("rmu", p), unlearn_by_rmu(t, seed, arm("rmu", p), base.model, p), before);
}

void EraUnlearning::run_expanded(Trial& t, const Seed& seed, const Routing& r) const {
  const Ensemble start = t.init(transformer_parameters(seed.expanded), t.key().fold("init"));
  const Trained whole = t.train(pretraining(
      t, r.name, start, "all.train",
      learn("all.train", routed(seed, r), {.l1 = l1, .l1_layers = seed.groups.layers})));
  const Losses before = losses(t, whole.model, plain(seed.expanded));
  std::map<std::string, double> metrics = {{"absorption", absorption(t, seed, whole.model)}};
  if (r.name == "era") metrics.merge(machinery(t, seed, whole.model));
  const Trained repaired = ablate(t, seed, r.name, whole, before, std::move(metrics));
  if (r.name == "era" && has("era-rmu"))
    finish(t, seed, "era-rmu", unlearn_by_rmu(t, seed, "era-rmu", repaired.model, 1), before);
}

// Experts share the biases of an MLP's output; everything else of it they have for themselves.
void EraUnlearning::run_demix(Trial& t, const Seed& seed, double share) const {
  TransformerOptions both = seed.corpus.model;
  for (int64_t i = 0; i < both.layers; ++i) both.extra_neurons.push_back(both.mlp_width_of(i));
  const std::string name = arm("demix", share);
  const Ensemble start = t.init(transformer_parameters(both), t.key().fold("init"));
  const Trained whole = t.train(pretraining(
      t, name, start, "all.train", learn("all.train", experts(both, arm("labels", share)))));
  ablate(t, seed, name, whole, losses(t, whole.model, experts(both, "forget")));
}

// Cuts off what was added, repairs the rest, and finishes the arm.
Trained EraUnlearning::ablate(Trial& t, const Seed& seed, const std::string& name,
                              const Trained& whole, const Losses& before,
                              std::map<std::string, double> metrics) const {
  const Model model = plain(seed.corpus.model);
  const Trained cut{cut_to(whole.model, transformer_parameters(seed.corpus.model))};
  const Losses ablated = losses(t, cut.model, model);
  Trained repaired = repair(t, name, cut, model);
  if (!repaired.diverged_at) repaired.diverged_at = whole.diverged_at;
  metrics["ablated_retain"] = ablated.retain;
  metrics["ablated_forget"] = ablated.forget;
  metrics["best_step"] = static_cast<double>(repaired.steps);
  finish(t, seed, name, repaired, before, std::move(metrics));
  return repaired;
}

// --- Models and steps ---

LanguageTraining::Model EraUnlearning::routed(const Seed& seed, const Routing& r) const {
  return [r, options = seed.expanded, groups = seed.groups](Net& net, const Batch& b) {
    if (!r.labels.empty()) {
      const Value label = per_story(b.rows(r.labels));
      const Value factor = gather(b.step.table("weights." + r.weights), b.targets);
      const Value original =
          1.0 + label * (reshape(factor, {factor.dim(0), factor.dim(1), 1}) - 1.0);
      route_neurons(net, groups, original, constant(net.graph(), 1));
    }
    return transformer(net, b.tokens, options);
  };
}

LanguageTraining::Model EraUnlearning::experts(const TransformerOptions& options,
                                               const std::string& labels) {
  return [=](Net& net, const Batch& b) {
    const Value label = per_story(b.rows(labels));
    gate_neurons(net, extra_neurons(options), 1.0 - label, label);
    return transformer(net, b.tokens, options);
  };
}

// Only what the MLPs before the layer write is trained, as in the source. The direction has
// entries in [0, 1) before it is scaled, and is drawn anew at every step.
StepBuilder EraUnlearning::rmu_step(const Seed& seed, double share, double length) const {
  return [this, share, length, options = seed.corpus.model](Step& s) {
    const std::string where = fmt::format("blocks.{}.hook_resid_pre", rmu_layer);
    Net net = s.net("model"), before = s.net("before");
    const auto stream = [&](Net& n, Value tokens, Value weights) {
      transformer(n, tokens, options);
      return n.value(where) * reshape(weights, {weights.dim(0), weights.dim(1), 1});
    };
    const std::string known = arm("known", share) + ".train";
    const Batch kept = batch_of(s, arm("rest", share) + ".train");
    const Value at = random_positions(s, known, "forget batch");
    const Value lost = subset_rows(s, known, "x", at), text = subset_rows(s, known, "weight", at);
    const Value u = random_uniform(s.key(), convert(s.step(), DType::i32),
                                   iota(s.graph(), Shape{1}, 0), "direction", {options.width});
    const Value loss = rmu(stream(net, lost, text), stream(net, kept.tokens, kept.weights),
                           stream(before, kept.tokens, kept.weights), u / sqrt(sum(square(u))),
                           length, rmu_weight);
    s.graph().result("loss", loss);
    ApplyOptions how;
    how.trainable = [this](const std::string& name) {
      for (int64_t i = 0; i < rmu_layer; ++i)
        if (name == fmt::format("blocks.{}.mlp.out.weight", i)) return true;
      return false;
    };
    apply(AdamW{}, net, loss, s.lr(), how);
  };
}

// --- Phases ---

Trained EraUnlearning::unlearn_by_rmu(Trial& t, const Seed& seed, const std::string& name,
                                      const Ensemble& start, double share) const {
  const std::string where = fmt::format("blocks.{}.hook_resid_pre", rmu_layer);
  const double mean_length = t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        const Batch b = batch_of(s, "coherence.train");
        transformer(net, b.tokens, seed.corpus.model);
        const Value lengths = sqrt(reduce_sum(square(net.value(where)), {2}));
        s.graph().result("length", sum(lengths * b.weights) / sum(b.weights));
      },
      rows_of(t, "coherence.train"), {{"model", &start}}).at("length")[0];
  Training p = pretraining(t, name, start, arm("rest", share) + ".train",
                           rmu_step(seed, share, rmu_length * mean_length));
  p.frozen = {{"before", &start}};
  p.steps = rmu_steps;
  p.lr = [this](int64_t, int64_t) { return rmu_lr; };
  return t.train(p);
}

// --- Measures ---

EraUnlearning::Losses EraUnlearning::losses(Trial& t, const Ensemble& weights,
                                            const Model& model) const {
  return {loss_on(t, weights, "retain.validation", model),
          loss_on(t, weights, "forget.validation", model)};
}

// What must hold to rounding if the method is what it is said to be.
std::map<std::string, double> EraUnlearning::machinery(Trial& t, const Seed& seed,
                                                       const Ensemble& weights) const {
  const Ensemble cut = cut_to(weights, transformer_parameters(seed.corpus.model));
  const int64_t rows = std::min<int64_t>(8, rows_of(t, arm("known", 1) + ".train"));
  const int64_t top = seed.groups.layers.back();
  const std::string in = fmt::format("blocks.{}.mlp.in.weight", top);
  const std::string out = fmt::format("blocks.{}.mlp.out.weight", top);
  const double w = 0.5, factor = w + rate * (1 - w);
  const Measured m = t.evaluate(
      [&](Step& s) {
        const Batch b = batch_of(s, arm("known", 1) + ".train");
        struct Pass {
          Value logits, in, out;  // gradients of the two weights
        };
        const auto pass = [&](bool routed) {
          Net net = s.net("model");
          const NeuronGroups group{{top}, seed.groups.first};
          if (routed)
            route_neurons(net, group, constant(s.graph(), factor), constant(s.graph(), 1));
          const Value logits = transformer(net, b.tokens, seed.expanded);
          const std::vector<Value> wrt = {net.raw_parameter(in), net.raw_parameter(out)};
          const std::vector<Value> g =
              gradients(next_token_loss(logits, b.targets, b.weights), wrt);
          return Pass{logits, g[0], g[1]};
        };
        const Pass routed = pass(true), usual = pass(false);
        const auto norm = [](Value v) { return sqrt(sum(square(v))); };
        const auto apart = [&](Value a, Value b) { return norm(a - b) / norm(b); };
        const auto original = [&](Value v) { return slice(v, 0, 0, seed.groups.first); };
        const auto added = [&](Value v) { return slice(v, 0, seed.groups.first, v.dim(0)); };
        const Value error =
            maximum(maximum(apart(original(routed.in), original(usual.in) * factor),
                            apart(added(routed.in), added(usual.in))),
                    apart(routed.out, usual.out));
        s.graph().result("gradient", error);
        s.graph().result("forward", sum(abs(routed.logits - usual.logits)));
        Net silent = s.net("model"), small = s.net("cut");
        gate_neurons(silent, seed.groups, constant(s.graph(), 1), constant(s.graph(), 0));
        const Value gap = abs(transformer(silent, b.tokens, seed.expanded) -
                              transformer(small, b.tokens, seed.corpus.model));
        s.graph().result("cut", reduce_max(reshape(gap, {gap.type().count()}), {0}));
      },
      rows, {{"model", &weights}, {"cut", &cut}});
  return {{"forward_unchanged", m.at("forward")[0] == 0},
          {"gradient_algebra", m.at("gradient")[0] <= 1e-4},
          {"cut_is_silence", m.at("cut")[0] <= 1e-5}};
}

// How much more the new neurons say in forget stories than in others, whose labels they never saw:
// the ratio of their mean absolute activations, averaged over layers.
double EraUnlearning::absorption(Trial& t, const Seed& seed, const Ensemble& weights) const {
  const auto activity = [&](const std::string& subset) {
    return t.evaluate(
        [&](Step& s) {
          Net net = s.net("model");
          const Batch b = batch_of(s, subset);
          transformer(net, b.tokens, seed.expanded);
          for (const int64_t layer : seed.groups.layers) {
            const Value all = net.value(neurons_of(layer));
            const Value each = reduce_sum(abs(slice(all, 2, seed.groups.first, all.dim(2))), {2});
            s.graph().result(fmt::format("{}", layer), sum(each * b.weights) / sum(b.weights));
          }
        },
        rows_of(t, subset), {{"model", &weights}});
  };
  const Measured lost = activity("forget.validation"), kept = activity("retain.validation");
  double ratio = 0;
  for (const auto& [layer, value] : lost) ratio += value[0] / kept.at(layer)[0];
  return ratio / static_cast<double>(lost.size());
}

// Measures, attacks and records a model of the usual shape.
void EraUnlearning::finish(Trial& t, const Seed& seed, const std::string& name, const Trained& m,
                           const Losses& before, std::map<std::string, double> metrics) const {
  const Model model = plain(seed.corpus.model);
  const Losses now = losses(t, m.model, model);
  metrics["retain"] = now.retain;
  metrics["forget"] = now.forget;
  metrics["before_retain"] = before.retain;
  metrics["before_forget"] = before.forget;
  metrics["unlearned"] = now.forget - before.forget;
  metrics["common"] = loss_on(t, m.model, "forget.validation", model, "common");
  if (seed.corpus.world) {
    metrics["retain_fact"] = loss_on(t, m.model, "retain.validation", model, "fact");
    metrics["forget_fact"] = loss_on(t, m.model, "forget.validation", model, "fact");
  }
  for (const int64_t n : attack_sizes) {
    const Attacked found = attack(t, m, model, n);
    metrics[relearned(n)] = found.lowest.at("forget");
    if (n != most_stories()) continue;
    for (const auto& [step, loss] : found.losses.at("forget"))
      t.curve(name, "relearning", step, loss);
  }
  metrics["robust"] = metrics.at(relearned(most_stories())) - before.forget;
  t.record(name, m, std::move(metrics));
}

}  // namespace omni
