// Expand, route, ablate: a topic in neurons of its own. The question, the design and all words:
// era_unlearning.md.
#include "experiments/catalogue.h"
#include "nn/neuron_groups.h"
#include "ops/gradients.h"
#include "studies/authoring.h"
#include "studies/story_unlearning.h"
#include "text/token_counts.h"

namespace omni {
namespace {

std::string arm_of(const std::string& method, double share) {
  return share == 1 ? method : fmt::format("{}-{}", method, share);
}
std::string rate_arm(double rate) { return fmt::format("era-rate-{}", rate); }
std::string relearned(int64_t stories) { return fmt::format("relearned_{}", stories); }

struct EraUnlearning : StoryUnlearning {
  std::string methods = "era";
  std::vector<double> labelled = {1}, rates = {};
  double rate = -0.75, l1 = 1e-4, rmu_lr = 1e-3, rmu_length = 5, rmu_weight = 200;
  int64_t neurons = 16, routed_layers = 3, rmu_layer = 2, rmu_steps = 150;

  void visit(auto&& option) {
    StoryUnlearning::visit(option);
    const Used of_rmu =
        used_if(has("rmu") || has("era-rmu"), "methods=" + with_part(methods, "rmu"));
    const Harmless apart = harmless("each is an arm of its own, which claims name");
    option("methods", methods, harmless("a claim about an arm that was not run is not judged"));
    option("labelled", labelled, between(0.001, 1), apart);
    option("rate", rate, between(-10, 10),
           used_if(has("era") || has("leaky") || has("concept"),
                   "methods=" + with_part(methods, "era")));
    option("rates", rates, between(-10, 10), apart);
    option("l1", l1, between(0, 1));
    option("neurons", neurons, between(1, 100'000));
    option("routed_layers", routed_layers, between(1, 1000));
    option("rmu_layer", rmu_layer, between(1, 1000), of_rmu);
    option("rmu_steps", rmu_steps, between(1, 100'000), of_rmu);
    option("rmu_lr", rmu_lr, between(0, 10), of_rmu);
    option("rmu_length", rmu_length, between(0, 1e6), of_rmu);
    option("rmu_weight", rmu_weight, between(0, 1e6), of_rmu);
  }
  bool has(const char* method) const { return has_part(methods, method); }
  void run(Trial& t) const;

  void check() const {
    const std::string known[] = {"era", "concept", "leaky", "demix", "rmu", "era-rmu"};
    parts_of(methods, "methods", known);
    const int64_t layers = network(1000).layers;
    require(routed_layers <= layers, "routed_layers={}: network {} has {} layers", routed_layers,
            size, layers);
    require(rmu_layer < layers || !(has("rmu") || has("era-rmu")),
            "rmu_layer={}: the last layer of network {} is number {}", rmu_layer, size, layers - 1);
    require(std::ranges::is_sorted(labelled, std::ranges::less_equal()),
            "labelled: the shares must ascend, such as labelled=0.2,0.5,1");
    for (const char* method : {"concept", "era-rmu"})
      require(labelled.back() == 1 || !has(method),
              "methods: {} is for all labels; add 1 to labelled", method);
    require(has("era") || !has("era-rmu"), "methods: era-rmu goes on from era; add that");
    require(labelled.front() < 1 || !has("leaky"),
            "methods: leaky is for labels that are missing; add a share below 1 to labelled");
  }

  // --- Claims, written before the run, and figures ---

  void claims(Claims& claim) const {
    // Of models without RMU, and of these before the attack.
    const Claims tested = claim.at_any("rmu_layer rmu_steps rmu_lr rmu_length rmu_weight");
    const Claims before = tested.at_any("attack_sizes attack_at attack_repeats attack_test");
    const auto lost = [](const std::string& arm, const std::string& topic) {  // by ablation
      return of(arm, "ablated_" + topic) - of(arm, "before_" + topic);
    };
    const auto to_base = [](const char* topic) { return of("era", topic) - of("base", topic); };
    const auto robust = [](const std::string& arm) { return of(arm, "robust"); };
    claim.at_any()("U1", always(of("era", "forward_unchanged") == 1));
    claim.at_any()("U2", always(of("era", "gradient_algebra") == 1));
    claim.at_any()("U3", always(of("era", "cut_is_silence") == 1));
    before("C1a", lost("era", "forget") > 0.3);
    before("C1b", lost("era", "forget") > 2 * lost("era", "retain"));
    before("C2a", near(lost("control", "forget"), 0, 0.05));
    before("C2b", near(lost("control", "retain"), 0, 0.05));
    before("C3a", of("era", "best_step") < 5.5);
    before("C3b", within(to_base("retain"), 0, 0.15));
    before("C4a", to_base("forget") > 0.2);
    before("C4b", to_base("forget") > to_base("retain"));
    for (const double p : {0.2, 0.5, 0.8})
      tested(fmt::format("C5 {}", p),
             robust(arm_of("era", p)) - robust(arm_of("pure", p)) > (p == 0.5 ? 0.02 : 0));
    for (const double p : {0.2, 0.5, 0.8, 1.0}) {
      const Term gained =
          of(arm_of("demix", p), "forget") - of(arm_of("demix", p), "before_forget");
      before(fmt::format("C6 {}", p), p < 1 ? gained < 0 : gained > 0);
    }
    std::vector<Term> tax, regained;
    for (const double p : labelled) tax.push_back(of(arm_of("era", p), "retain"));
    before.needs("labelled=0.2,0.5,0.8,1")("C7a", spearman(labelled, tax) > 0.8);
    before("C7b", of("era", "retain") > of("pure", "retain"));
    const std::string last = relearned(most_stories());
    claim("C8a", of("rmu", "forget") > most({of("era", "forget"), of("pure", "forget")}));
    claim("C8b", (of("rmu", "forget") - of("rmu", last)) / of("rmu", "unlearned") > 0.5);
    tested("C9a", robust("pure") > robust("era"));
    claim("C9b", robust("pure") > robust("rmu"));
    claim("C10a", of("era", last) > of("rmu", last));
    claim("C10b", near(robust("era") - robust("rmu"), 0, 0.05));
    claim("C10c", robust("era-rmu") > most({robust("era"), robust("rmu")}));
    for (const int64_t n : attack_sizes) regained.insert(regained.begin(), of("*", relearned(n)));
    if (attack_sizes.size() > 1) claim("C11", least(changes(regained)) > 0);  // from most to few
    before("C12", of("era", "common") > of("pure", "common"));
    before("C13", of("era-0.5", "absorption") > 1.3);
    for (const auto& [id, on] : {std::pair{"C14a", "forget"}, {"C14b", "retain"}})
      before(id,
             least(changes({lost("control", on), lost("era-rate-0", on), lost("era", on)})) > 0);
  }

  void figures(Figures& figure) const {
    figure.groups("stages", {"before_forget", "forget", "relearned_*"});
    figure.lines("relearning");
    for (const auto& [id, metric] : {std::pair{"gain", "robust"}, {"tax", "retain"}}) {
      FigureBuilder f = figure.lines(id, metric);
      // At 0 stands the arm that a method is without any label.
      for (const auto& [label, method, none] : {std::tuple{"filtering", "pure", "base"},
                                                {"ERA", "era", "control"},
                                                {"ERA, leaky", "leaky", "control"},
                                                {"DEMix", "demix", ""},
                                                {"RMU", "rmu", "base"}}) {
        if (!has_part("pure+" + methods, method)) continue;
        std::vector<Series::Point> points;
        if (*none) points.push_back({0, none});
        for (const double p : labelled)
          if (p < 1 || !has_part("leaky", method)) points.push_back({p, arm_of(method, p)});
        f.points(label, points);
      }
    }
    if (generated())
      figure.groups("facts", {"forget_fact", "retain_fact"}).level(fact_nats(), "guessing");
    figure.lines("rates").over("era-rate-*", {"forget", "retain"}, rate, "era");
  }
};

// One seed: what its arms are made from, and their phases.
struct EraSeed : EraUnlearning {
  Trial& t;
  Corpus corpus;
  TransformerOptions small, large;  // without and with the added neurons
  NeuronGroups groups;              // of the large one
  Model usual, whole;               // of both shapes

  EraSeed(const EraUnlearning& options, Trial& trial)
      : EraUnlearning(options), t(trial), corpus(prepare(t)), small(corpus.model), large(small) {
    large.extra_neurons.assign(routed_layers, neurons);
    groups = extra_neurons(large);
    usual = plain(small);
    whole = plain(large);
    for (const double p : labelled) add_labels(p);
    if (labelled.back() != 1) add_labels(1);
    const int32_t tokens = corpus.tokenizer->size();
    const std::vector<double> weights = retain_weights(token_ratios(corpus.train, tokens));
    add_factors("true", weights, rate);
    for (const double r : rates) add_factors(rate_arm(r), weights, r);
    std::vector<double> no_keyword;
    const KeywordRule rule = keyword_rule();
    for (int32_t i = 0; i < tokens; ++i)
      no_keyword.push_back(rule.matches(corpus.tokenizer->text_of(i)) ? 0 : 1);
    add_factors("concept", no_keyword, rate);
    // From a weight of 0.85 on a token is no keyword.
    add_targets(t, corpus, "common", [&](int32_t token) { return weights[token] >= 0.85; });
  }

  // What multiplies the gradient of the original neurons at each token: "weights.<name>".
  void add_factors(const std::string& name, const std::vector<double>& weights, double there) {
    std::vector<float> factors;
    for (const double w : weights) factors.push_back(static_cast<float>(w + there * (1 - w)));
    t.add_table("weights." + name, factors, {std::ssize(factors)});
  }

  // The first of the shuffled forget stories keep their label. Arrays "train.labels-0.5" and
  // "weights.labels-0.5", subsets "known-0.5.train" and "rest-0.5.train".
  void add_labels(double share) {
    const std::vector<int32_t> lost = rows_with(corpus.train, true);
    const int64_t count = std::max<int64_t>(1, std::llround(share * std::ssize(lost)));
    const std::vector<int32_t> known = picked(lost, t.key().fold("labels"), count);
    TokenRows counted = corpus.train;
    std::ranges::fill(counted.forget, 0);
    for (const int32_t i : known) counted.forget[i] = 1;
    const std::string name = arm_of("labels", share);
    add_factors(name, retain_weights(token_ratios(counted, corpus.tokenizer->size())), rate);
    const std::vector<float> labels(counted.forget.begin(), counted.forget.end());
    t.add_table("train." + name, labels, {std::ssize(labels)});
    t.add_subset(arm_of("rest", share) + ".train", rows_with(counted, false));
    t.add_subset(arm_of("known", share) + ".train", known);
  }

  // --- Arms ---

  void run() {
    t.part("plain", [&] { run_plain(); });
    run_expanded("control", "", "");
    for (const double p : labelled) {
      const std::string labels = arm_of("labels", p);
      if (has("era")) run_expanded(arm_of("era", p), labels, labels);
      if (has("leaky") && p < 1) run_expanded(arm_of("leaky", p), labels, "true");
      if (has("demix")) t.part(arm_of("demix", p), [&] { run_demix(arm_of("demix", p), labels); });
    }
    if (has("concept")) run_expanded("concept", "labels", "concept");
    for (const double r : rates) run_expanded(rate_arm(r), "labels", rate_arm(r));
  }

  void run_plain() {
    const Trained start = init(t, "init", small);
    // As the source does, base and filtered models get one step of what repairs ablated ones.
    const auto trained = [&](const std::string& arm, const std::string& on) {
      const Trained m = t.train(arm, start, pretraining(t, on), next_token(usual));
      return t.train(arm + ", one more step", m, tuning(t, 1), next_token(usual));
    };
    const Trained base = trained("base", "all.train");
    const Losses before = topic_losses(t, base, usual, "before_");
    finish("base", base, before);
    for (const double p : labelled) {
      const std::string pure = arm_of("pure", p), rmu = arm_of("rmu", p);
      finish(pure, trained(pure, arm_of("rest", p) + ".train"), before);
      if (has("rmu")) finish(rmu, unlearn_by_rmu(rmu, base, p), before);
    }
  }

  // Routed by the labels that one array has and the token weights that another has; "": not at all.
  void run_expanded(const std::string& arm, const std::string& labels, const std::string& weights) {
    const Model routed = [&](Net& net, const Batch& b) {
      if (!labels.empty()) {
        const Value factor = b.per_token(gather(b.step.table("weights." + weights), b.targets));
        const Value label = reshape(b.rows(labels), {-1, 1, 1});
        route_neurons(net, groups, 1.0 + label * (factor - 1.0), constant(net.graph(), 1));
      }
      return whole(net, b);
    };
    t.part(arm, [&] {
      const Trained m = t.train(arm, init(t, "init", large), pretraining(t, "all.train"),
                                next_token(routed, l1, groups.layers));
      const Losses before = topic_losses(t, m, whole, "before_");
      Losses found = before;
      found["absorption"] = absorption(m);
      if (arm == "era") machinery(m, found);
      const Trained repaired = ablate(arm, m, found);
      if (arm == "era" && has("era-rmu"))
        finish("era-rmu", unlearn_by_rmu("era-rmu", repaired, 1), before);
    });
  }

  // Experts share the biases of an MLP's output; everything else of it they have for themselves.
  void run_demix(const std::string& arm, const std::string& known) {
    TransformerOptions both = small;
    for (int64_t i = 0; i < both.layers; ++i) both.extra_neurons.push_back(both.mlp_width_of(i));
    // The added neurons read the stories that this array marks, the others the rest.
    const auto experts = [&](const std::string& labels) -> Model {
      return [&, labels](Net& net, const Batch& b) {
        const Value label = reshape(b.rows(labels), {-1, 1, 1});
        gate_neurons(net, extra_neurons(both), 1.0 - label, label);
        return transformer(net, b.tokens, both);
      };
    };
    const Trained m = t.train(arm, init(t, "init", both), pretraining(t, "all.train"),
                              next_token(experts(known)));
    ablate(arm, m, topic_losses(t, m, experts("forget"), "before_"));
  }

  // Cuts off what was added, repairs the rest, and finishes the arm.
  Trained ablate(const std::string& arm, const Trained& m, Losses found) {
    const Trained cut{cut_to(m.model, transformer_parameters(small)), m.diverged_at};
    Trained repaired = repair(t, arm, cut, usual);
    found.merge(topic_losses(t, cut, usual, "ablated_"));
    found["best_step"] = repaired.steps;
    finish(arm, repaired, found);
    return repaired;
  }

  // Only what the MLPs before the layer write is trained, as in the source.
  Trained unlearn_by_rmu(const std::string& arm, const Trained& start, double share) {
    const Model stream = [&](Net& net, const Batch& b) {
      usual(net, b);
      return net.value(fmt::format("blocks.{}.hook_resid_pre", rmu_layer)) * b.per_token(b.weights);
    };
    const double stream_length = t.measure(start, "coherence.train", [&](Step& s, Net& net) {
      const Batch b(s);
      return b.mean(sqrt(reduce_sum(square(stream(net, b)), {2})));
    });
    Training how = pretraining(t, arm_of("rest", share) + ".train");
    how.steps = rmu_steps;
    how.lr = rmu_lr;
    how.optimizer = AdamW{};
    how.apply = {.trainable = only_mlp_outputs(0, rmu_layer - 1)};
    const std::string known = arm_of("known", share) + ".train";
    const ScalarOf loss = rmu_loss(stream, known, rmu_length * stream_length, rmu_weight);
    return t.train(arm, start, how, loss, {{"before", &start}});
  }

  // What must hold to rounding if the method is what it is said to be.
  void machinery(const Trained& m, Losses& found) {
    const Ensemble cut = cut_to(m.model, transformer_parameters(small));
    const int64_t top = groups.layers.back(), first = groups.first;
    const double factor = 0.5 + rate * 0.5;
    const auto build = [&](Step& s) {
      const Batch b(s, "known.train");
      const Value one = constant(s.graph(), 1);
      const auto pass = [&](bool is_routed) {  // logits, gradients of a layer's two weights
        Net net = s.net("model");
        if (is_routed) route_neurons(net, {{top}, first}, one * factor, one);
        const Value z = whole(net, b);
        const std::string layer = fmt::format("blocks.{}.mlp.", top);
        const Value weights[] = {net.raw_parameter(layer + "in.weight"),
                                 net.raw_parameter(layer + "out.weight")};
        const auto g = gradients(next_token_loss(z, b.targets, b.weights), weights);
        return std::array{z, g[0], g[1]};
      };
      const auto routed = pass(true), unrouted = pass(false);
      const auto apart = [&](int weight, int64_t from, int64_t to, double by) {
        const Value wanted = slice(unrouted[weight], 0, from, to) * by;
        return sqrt(sum(square(slice(routed[weight], 0, from, to) - wanted)) / sum(square(wanted)));
      };
      const Value wrong = maximum(maximum(apart(1, 0, first, factor), apart(1, first, kToEnd, 1)),
                                  apart(2, 0, kToEnd, 1));
      Net silent = s.net("model"), cut_off = s.net("cut");
      gate_neurons(silent, groups, one, one * 0.0);
      const Value gap = abs(whole(silent, b) - usual(cut_off, b));
      s.graph().result("forward_unchanged", equal(sum(abs(routed[0] - unrouted[0])), 0.0));
      s.graph().result("gradient_algebra", less_equal(wrong, 1e-4));
      s.graph().result("cut_is_silence", less_equal(reduce_max(reshape(gap, {-1}), {0}), 1e-5));
    };
    const int64_t rows = std::min<int64_t>(8, rows_of(t, "known.train"));
    for (const auto& [fact, holds] : t.evaluate(build, rows, {{"model", &m.model}, {"cut", &cut}}))
      found[fact] = holds[0];
  }

  // How much more the new neurons say in forget stories than in others, whose labels they never
  // saw: the ratio of their mean absolute activations, averaged over layers.
  double absorption(const Trained& m) {
    const auto activity = [&](const char* on) {
      return t.evaluate(on, {{"model", &m}}, [&](Step& s) {
        Net net = s.net("model");
        const Batch b(s);
        whole(net, b);
        for (const int64_t layer : groups.layers) {
          const Value added = slice(net.value(neurons_of(layer)), 2, groups.first, kToEnd);
          s.graph().result(std::to_string(layer), b.mean(reduce_sum(abs(added), {2})));
        }
      });
    };
    const Measured lost = activity("forget.validation"), kept = activity("retain.validation");
    double ratio = 0;
    for (const auto& [layer, value] : lost) ratio += value[0] / kept.at(layer)[0];
    return ratio / lost.size();
  }

  // Measures, attacks and records a model of the usual shape.
  void finish(const std::string& arm, const Trained& m, Losses found) {
    found.merge(topic_losses(t, m, usual));
    if (corpus.world) found.merge(topic_losses(t, m, usual, "", "_fact", "fact"));
    found["common"] = loss_on(t, m, "forget.validation", usual, "common");
    found["unlearned"] = found["forget"] - found["before_forget"];
    for (const int64_t n : attack_sizes) {
      const Attacked a = attack(t, m, usual, n);
      found[relearned(n)] = a.lowest.at("forget");
      if (n != most_stories()) continue;
      found["robust"] = found[relearned(n)] - found["before_forget"];
      for (const auto& [step, loss] : a.losses.at("forget")) t.curve(arm, "relearning", step, loss);
    }
    t.record(arm, m, found);
  }
};

void EraUnlearning::run(Trial& t) const { EraSeed(*this, t).run(); }

}  // namespace

Experiment era_unlearning() {
  return experiment<EraUnlearning>(
      {.name = "era-unlearning",
       .metric = "robust",
       .primary = {"C4a"},
       .calibrated = {"", "attack_sizes=4,16,64"},
       .presets = {
           {"quick", 3},
           {"middle", 5,
            "methods=era+concept+leaky+demix+rmu+era-rmu labelled=0.1,0.2,0.5,0.8,1 "
            "rates=1,0.5,0,-0.25,-0.5,-1 steps=1000 attack_sizes=4,16,64 attack_repeats=3 "
            "attack_test=300 held_out=2500"},
           {"paper", 5,
            "text=TinyStories.txt tokenizer=gpt2 size=tinystories-28m stories=500000 "
            "held_out=20000 characters=1029 length=255 batch=80 steps=5000 warmup=100 lr=5e-4 "
            "neurons=64 routed_layers=5 rmu_layer=5 rmu_steps=500 rmu_lr=5e-4 coherence_test=1000 "
            "methods=era+concept+leaky+demix+rmu+era-rmu attack_sizes=1,4,16,64 attack_repeats=5 "
            "labelled=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1 attack_test=1000 "
            "attack_at=0-20,22,24,26,28,30,32,34,36,38,40"},
           {"smoke", 2,
            "methods=era+demix+rmu size=XS routed_layers=1 rmu_layer=1 stories=200 held_out=60 "
            "length=24 batch=8 steps=4 warmup=1 coherence_batch=8 coherence_test=10 "
            "coherence_steps=2 rmu_steps=2 attack_sizes=1,2 attack_at=0,2 attack_test=8"}}});
}

}  // namespace omni
