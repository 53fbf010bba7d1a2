// Routing a few tokens to forget a whole topic. The question, the design and all words:
// token_routing_unlearning.md.
#include "experiments/catalogue.h"
#include "nn/neuron_groups.h"
#include "nn/transformer_presets.h"
#include "studies/authoring.h"
#include "studies/story_unlearning.h"
#include "text/token_counts.h"

namespace omni {
namespace {

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
    option("tokens", tokens, between(1, 100'000));
    option("neurons", neurons, between(1, 100'000));
    option("routed_layers", routed_layers, between(1, 1000));
    option("rate", rate, between(-10, 10));
    option("l1", l1, between(0, 1));
  }

  void check() const {
    const TransformerOptions o = transformer_preset(size, 1000);
    require(routed_layers <= o.layers, "routed_layers={}: network {} has {} layers", routed_layers,
            size, o.layers);
    require(neurons < o.mlp_width_of(0), "neurons={}: layers of network {} have {}", neurons, size,
            o.mlp_width_of(0));
    require(attack_sizes.size() == 1, "attack_sizes: this experiment attacks with one size");
  }

  // --- One seed ---

  void run(Trial& t) const {
    const Corpus c = prepare(t);
    const int32_t count = c.tokenizer->size();
    const std::vector<int32_t> marks =
        topic_tokens(token_ratios(c.train, count), count_targets(c.train, count, true), tokens);
    std::vector<int32_t> drawn = permutation(t.key().fold("tokens by lot"), count);
    drawn.resize(marks.size());
    add_targets(t, c, "others", [&](int32_t i) { return std::ranges::count(marks, i) == 0; });
    std::string list;
    for (const int32_t i : marks) list += c.tokenizer->text_of(i) + " ";
    t.text("tokens", 0, list);
    t.part("routed", [&] { run_arm(t, c, "routed", marks); });
    t.part("unrouted", [&] { run_arm(t, c, "unrouted", {}); });
    t.part("random", [&] { run_arm(t, c, "random", drawn); });
  }

  void run_arm(Trial& t, const Corpus& c, const std::string& arm,
               const std::vector<int32_t>& routed) const {
    NeuronGroups groups{{}, neurons};
    for (int64_t i = 0; i < routed_layers; ++i) groups.layers.push_back(i);
    std::vector<float> factors(c.tokenizer->size(), 1);
    for (const int32_t i : routed) factors[i] = static_cast<float>(rate);
    t.add_table("factors", std::move(factors), {c.tokenizer->size()});
    // At each token, what multiplies the gradient of all but the reserved neurons.
    const Model whole = [&](Net& net, const Batch& b) {
      const Value one = constant(net.graph(), 1);
      if (!routed.empty())
        route_neurons(net, groups, one, b.per_token(gather(b.step.table("factors"), b.targets)));
      return transformer(net, b.tokens, c.model);
    };
    // The model without its reserved neurons. What is silent gets no gradient either.
    const Model without = [&](Net& net, const Batch& b) {
      gate_neurons(net, groups, constant(net.graph(), 0), constant(net.graph(), 1));
      return transformer(net, b.tokens, c.model);
    };

    const Trained m = t.train(arm, init(t, "init", c.model), pretraining(t, "all.train"),
                              next_token(whole, l1, groups.layers));
    const Trained repaired = repair(t, arm, m, without);
    const Attacked found = attack(t, repaired, without, most_stories(), kMeasures);
    Losses metrics;
    for (const auto& [name, subset, where] : kMeasures) {
      const std::string on = subset.empty() ? "forget.validation" : subset;
      const double before = loss_on(t, m, on, plain(c.model), where);
      metrics[name + "_before"] = before;
      metrics[name + "_ablated"] = loss_on(t, m, on, without, where);
      metrics[name + "_repaired"] = loss_on(t, repaired, on, without, where);
      metrics[name + "_retrained"] = found.lowest.at(name);
      metrics[name + "_lasting"] = found.lowest.at(name) - before;
      for (const auto& [step, loss] : found.losses.at(name)) t.curve(arm, name, step, loss);
    }
    metrics["best_step"] = static_cast<double>(repaired.steps);
    t.record(arm, repaired, metrics);
  }

  // --- Claims, written before the run, and figures ---

  void claims(Claims& claim) const {
    const auto lasting = [](const char* arm, const char* what) {
      return of(arm, fmt::format("{}_lasting", what));
    };
    claim("V1a", lasting("routed", "forget") > 3 * lasting("routed", "retain"));
    claim("V1b", lasting("routed", "others") > 3 * lasting("routed", "retain"));
    claim("V2a", lasting("routed", "forget") > lasting("unrouted", "forget"));
    claim("V2b", lasting("routed", "others") > lasting("unrouted", "others"));
    claim("V3", lasting("routed", "forget") > lasting("random", "forget"));
  }

  void figures(Figures& figure) const {
    figure.groups("stages",
                  {"forget_before", "forget_ablated", "forget_repaired", "forget_retrained"});
    figure.groups("rest",
                  {"retain_before", "retain_ablated", "retain_repaired", "retain_retrained"});
    figure.groups("lasting", {"forget_lasting", "others_lasting", "retain_lasting"});
    figure.lines("relearning", "forget");
    figure.texts("tokens", 1);
  }
};

}  // namespace

Experiment token_routing_unlearning() {
  return experiment<TokenRouting>(
      {.name = "token-routing-unlearning",
       .metric = "forget_lasting",
       .primary = {"V2a"},
       .presets = {
           {"quick", 4},
           {"middle", 10, "steps=2000 attack_repeats=10 held_out=2000"},
           {"paper", 1,
            "text=fineweb-edu tokenizer=qwen2 size=qwen2-0.5b "
            "keywords=virus+viruses+pathogens+vaccine+influenza tokens=20 neurons=80 "
            "routed_layers=8 length=1024 batch=1280 steps=10000 warmup=2000 lr=1.8e-3 "
            "stories=10000000 coherence_batch=128 coherence_steps=32"},
           {"smoke", 2,
            "size=XS routed_layers=1 stories=100 held_out=60 length=24 batch=8 steps=3 warmup=1 "
            "coherence_batch=8 coherence_test=10 coherence_steps=2 attack_sizes=2 attack_at=0,2 "
            "attack_repeats=1 attack_test=8"}}});
}

}  // namespace omni
