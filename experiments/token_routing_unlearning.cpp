// Question  Are a few tokens of a topic enough to gather what a language model knows of all of it?
// Design    Wherever one of a few tokens of the topic is to be foreseen, only the first neurons of
//           some layers get its full gradient; nothing is labelled, nothing added. These neurons
//           are then silenced, the rest is repaired, and an attacker trains the model on two
//           stories of the topic.
// Expect    What the attacker does not bring back is far more of the topic than of the rest, and
//           not only of the tokens that were routed.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.2.3 and appendix E (20 words of virology)
#include <algorithm>

#include "experiments/catalogue.h"
#include "lab/story_unlearning.h"
#include "nn/neuron_groups.h"
#include "nn/transformer_presets.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "text/token_counts.h"

namespace omni {
namespace {

constexpr const char* kRouted = "routed";
constexpr const char* kUnrouted = "unrouted";
constexpr const char* kLot = "by-lot";

// What is measured of a model at each stage, and what of it.
const std::vector<AttackLoss> kMeasures = {
    {"forget", ""}, {"others", "", "others"}, {"retain", "retain.validation"}};

struct TokenRouting : StoryUnlearning {
  int64_t tokens = 4, neurons = 12, routed_layers = 2;
  double rate = 0, l1 = 1e-7;

  TokenRouting() {
    attack_sizes = {2};
    attack_at = {0, 4, 8, 12, 16, 20};
  }

  void visit(auto&& option) {
    StoryUnlearning::visit(option);
    option("tokens", tokens, "that are routed: those that mark the forget stories most",
           between(1, 100'000));
    option("neurons", neurons, "of each routed layer, from the first, that are reserved for them",
           between(1, 100'000));
    option("routed_layers", routed_layers, "how many layers, from the first", between(1, 1000));
    option("rate", rate, "what multiplies the gradient of the other neurons at these tokens",
           between(-10, 10));
    option("l1", l1, "weight of the penalty on activations of routed layers", between(0, 1));
  }

  void check() const {
    StoryUnlearning::check();
    const TransformerOptions o = transformer_preset(size, 1000);
    require(routed_layers <= o.layers, "routed_layers={}: network {} has {} layers", routed_layers,
            size, o.layers);
    require(neurons < o.mlp_width_of(0), "neurons={}: layers of network {} have {}", neurons, size,
            o.mlp_width_of(0));
    require(attack_sizes.size() == 1, "attack_sizes: this experiment attacks with one size");
  }

  std::vector<ArmInfo> arms() const {
    return {{kRouted, "Routed", "the topic's tokens have neurons of their own", {}},
            {kUnrouted, "Unrouted", "the same neurons silenced, nothing routed before", {}},
            {kLot, "By lot", "placebo: as many tokens, drawn by lot", {}}};
  }

  // --- One seed ---

  NeuronGroups groups() const {
    NeuronGroups g{{}, neurons};
    for (int64_t i = 0; i < routed_layers; ++i) g.layers.push_back(i);
    return g;
  }

  void run(Trial& t) const {
    const Corpus c = prepare(t);
    const int32_t count = c.tokenizer->size();
    const std::vector<int64_t> kept = count_targets(c.train, count, false);
    const std::vector<int64_t> lost = count_targets(c.train, count, true);
    int64_t read = 0;
    for (const int64_t n : kept) read += n;
    const std::vector<int32_t> marks =
        topic_tokens(forget_ratios(kept, lost, PseudoCounts::for_retain_tokens(read)), lost, tokens);
    add_tokens(t, kRouted, marks, count);
    std::vector<int32_t> drawn = permutation(t.key().fold("tokens by lot"), count);
    drawn.resize(marks.size());
    add_tokens(t, kLot, drawn, count);

    const NextTokens next = next_tokens(c.validation);
    std::vector<float> others = next.weights;
    for (size_t i = 0; i < others.size(); ++i)
      if (std::ranges::count(marks, next.targets[i]) > 0) others[i] = 0;
    t.add_table("validation.others", std::move(others), {c.validation.count(), length});
    std::string list;
    for (const int32_t i : marks) list += c.tokenizer->text_of(i) + " ";
    t.text("tokens", 0, list);
    for (const ArmInfo& a : arms()) t.part(a.name, [&] { run_arm(t, c, a.name); });
  }

  // What multiplies the gradient of the other neurons at each token: the array "weights.<arm>".
  void add_tokens(Trial& t, const std::string& arm, const std::vector<int32_t>& routed,
                  int64_t count) const {
    std::vector<float> factors(static_cast<size_t>(count), 1);
    for (const int32_t i : routed) factors[static_cast<size_t>(i)] = static_cast<float>(rate);
    t.add_table("weights." + arm, std::move(factors), {count});
  }

  Model routed(const TransformerOptions& options, const std::string& arm) const {
    return [groups = groups(), options, arm](Net& net, const Batch& b) {
      if (arm != kUnrouted) {
        const Value factor = gather(b.step.table("weights." + arm), b.targets);
        route_neurons(net, groups, constant(net.graph(), 1),
                      reshape(factor, {factor.dim(0), factor.dim(1), 1}));
      }
      return transformer(net, b.tokens, options);
    };
  }

  // The model without its reserved neurons. What is silent gets no gradient either.
  Model silenced(const TransformerOptions& options) const {
    return [groups = groups(), options](Net& net, const Batch& b) {
      gate_neurons(net, groups, constant(net.graph(), 0), constant(net.graph(), 1));
      return transformer(net, b.tokens, options);
    };
  }

  void run_arm(Trial& t, const Corpus& c, const std::string& arm) const {
    const Ensemble start = t.init(transformer_parameters(c.model), t.key().fold("init"));
    const Trained whole = t.train(pretraining(
        t, arm, start, "all.train",
        learn("all.train", routed(c.model, arm), {.l1 = l1, .l1_layers = groups().layers})));
    const Model without = silenced(c.model);
    Trained repaired = repair(t, arm, whole.model, without);
    if (!repaired.diverged_at) repaired.diverged_at = whole.diverged_at;
    const Attacked found = attack(t, repaired.model, without, most_stories(), kMeasures);

    std::map<std::string, double> metrics;
    for (const AttackLoss& m : kMeasures) {
      const std::string on = m.subset.empty() ? "forget.validation" : m.subset;
      const double before = loss_on(t, whole.model, on, plain(c.model), m.where);
      metrics[m.name + "_before"] = before;
      metrics[m.name + "_ablated"] = loss_on(t, whole.model, on, without, m.where);
      metrics[m.name + "_repaired"] = loss_on(t, repaired.model, on, without, m.where);
      metrics[m.name + "_retrained"] = found.lowest.at(m.name);
      metrics[m.name + "_lasting"] = found.lowest.at(m.name) - before;
      for (size_t i = 0; i < attack_at.size(); ++i)
        t.curve(arm, m.name, attack_at[i], found.losses.at(m.name)[i]);
    }
    metrics["best_step"] = static_cast<double>(repaired.steps);
    t.record(arm, repaired, metrics);
  }

  // --- Claims and figures ---

  std::vector<ClaimSpec> claims(const Dataset&) const {
    std::string why;
    if (!generated()) why = "the thresholds are those of generated stories";
    const auto more = [](const char* topic) {
      const std::string lost = std::string(topic) + "_lasting";
      return [lost](const SeedValues& v) {
        return v(kRouted, lost) - 3 * v(kRouted, "retain_lasting");
      };
    };
    const auto against = [](const char* arm, const char* metric) {
      return [=](const SeedValues& v) { return v(kRouted, metric) - v(arm, metric); };
    };
    const Claim positive{.kind = ClaimKind::above, .threshold = 0, .difference = true};
    return {{"V1a", "What the attack does not bring back of the topic is more than three times what "
                    "is lost of the rest", positive, more("forget"), {}, why},
            {"V1b", "also on those tokens of its stories that were never routed", positive,
             more("others"), {}, why},
            {"V2a", "It is the routing: more of the topic is lost for good than by silencing the "
                    "same neurons unrouted", positive, against(kUnrouted, "forget_lasting"), {},
             why},
            {"V2b", "also on tokens that were never routed", positive,
             against(kUnrouted, "others_lasting"), {}, why},
            {"V3", "and it is the topic's tokens: more than where tokens drawn by lot are routed",
             positive, against(kLot, "forget_lasting"), {}, why}};
  }

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> list;
    FigureRow stages{"stages", "The topic, stage by stage",
                     "Loss on held-out forget stories before anything, with the neurons silenced, "
                     "after the repair, and at its lowest during the attack.", {}};
    stages.spec = {.kind = "groups",
                   .groups = {{"before", "forget_before"}, {"silenced", "forget_ablated"},
                              {"repaired", "forget_repaired"}, {"attacked", "forget_retrained"}},
                   .y_label = "nats per token"};
    list.push_back(stages);
    FigureRow rest = stages;
    rest.id = "rest";
    rest.title = "The rest, stage by stage";
    rest.caption = "The same on held-out retain stories.";
    rest.spec.groups = {{"before", "retain_before"}, {"silenced", "retain_ablated"},
                        {"repaired", "retain_repaired"}, {"attacked", "retain_retrained"}};
    list.push_back(rest);
    FigureRow lasting{"lasting", "What is lost for good",
                      "The lowest loss during the attack minus the loss before anything: on forget "
                      "stories, on their tokens that were not routed, and on retain stories.", {}};
    lasting.spec = {.kind = "groups",
                    .groups = {{"forget stories", "forget_lasting"},
                               {"their other tokens", "others_lasting"},
                               {"retain stories", "retain_lasting"}},
                    .y_label = "nats per token"};
    list.push_back(lasting);
    FigureRow curve{"relearning", "The attack",
                    "Loss on held-out forget stories while the model is trained on two others.", {}};
    curve.spec = {.kind = "lines", .metric = "forget", .x_label = "steps of attack",
                  .y_label = "nats per token"};
    list.push_back(curve);
    FigureRow which{"tokens", "The tokens that were routed", "In the first seed.", {}};
    which.spec.kind = "texts";
    which.spec.columns = 1;
    list.push_back(which);
    return list;
  }
};

}  // namespace

Experiment token_routing_unlearning() {
  Experiment e;
  e.name = "token-routing-unlearning";
  e.title = "Routing a few tokens to forget a whole topic";
  e.texts = {
      .question = "Are a few tokens of a topic enough to gather what a language model knows of all "
                  "of it?",
      .source = "Cloud, Goldman-Wetzler, Wybitul, Miller, Turner: Gradient routing, "
                "arXiv:2410.04332, section 4.2.3, table 1 and appendix E",
      .method = "A transformer learns all stories, without labels. Where one of the few tokens that "
                "mark forget stories most is to be foreseen, the gradient of all but the first "
                "neurons of the first layers is multiplied by the rate, 0. These first neurons are "
                "then silenced, the rest is tuned on one batch of retain stories for as many of 40 "
                "steps as help, and an attacker trains the model on two forget stories.",
      .structure = "What else is known of the topic is foretold by the features that foretell its "
                   "tokens, and settles with them.",
      .controls = "The same neurons silenced in a model that was never routed, and a placebo that "
                  "routes as many tokens drawn by lot.",
      .translation = "Twenty words of virology, routed while a model of 0.7 billion parameters "
                     "learned from the web, made it forget virology five times as much as the "
                     "rest.",
      .expected_failure = "Tokens that are frequent elsewhere pull other knowledge along; a topic "
                          "whose words go with no common feature leaves most of itself behind.",
      .costs = "Capacity: the reserved neurons are lost, and what else settled there with them.",
      .limits = "Generated stories and half a million parameters. The source hand-picks its tokens, "
                "repeats its forget corpus, and multiplies by -5e-8 in place of 0."};
  e.metric = "forget_lasting";
  e.metric_label = "lost of the topic for good, nats";
  e.presets = {
      {"quick", "preset S on generated stories, 4 tokens, 4 seeds (the source: 0.7 billion "
                "parameters, 20 tokens)", {}, 4},
      {"middle", "longer, more attacks, 10 seeds",
       {{"steps", "2000"}, {"attack_repeats", "10"}, {"held_out", "2000"}}, 10},
      {"paper", "as the source as far as its data can be had, for several GPUs: your text "
                "(text=FOLDER, tokenizer=FOLDER, keywords=...), 20 tokens, 80 neurons of 8 layers",
       {{"text", "fineweb-edu"}, {"tokenizer", "qwen2"}, {"size", "qwen2-0.5b"},
        {"keywords", "virus+viruses+pathogens+vaccine+influenza"}, {"tokens", "20"},
        {"neurons", "80"}, {"routed_layers", "8"}, {"length", "1024"}, {"batch", "1280"},
        {"steps", "10000"}, {"warmup", "2000"}, {"lr", "1.8e-3"}, {"stories", "10000000"},
        {"coherence_batch", "128"}, {"coherence_steps", "32"}}, 1},
      {"smoke", "seconds: tiny runs of everything",
       {{"size", "XS"}, {"routed_layers", "1"}, {"stories", "100"}, {"held_out", "60"}, {"length", "24"}, {"batch", "8"}, {"steps", "3"},
        {"warmup", "1"}, {"coherence_batch", "8"}, {"coherence_test", "10"},
        {"coherence_steps", "2"}, {"attack_sizes", "2"}, {"attack_at", "0,2"},
        {"attack_repeats", "1"}, {"attack_test", "8"}}, 2}};
  e.settings = settings_of<TokenRouting>();
  e.primary = {"V2a"};
  e.seeds_needed = "On seeds 0 to 3 the difference of V2a was 0.005 with a spread of 0.01: about 44 "
                   "seeds would decide it in nine of ten runs. quick has 4, for the sake of its time, "
                   "and leaves it undecided.";
  return e;
}

}  // namespace omni
