// Question  If a network behaves as though it had never seen some digits, has it forgotten them?
// Design    A base network learns all digits, an oracle the retain digits only. The suppressed
//           network starts from the base and is distilled from the oracle until the two behave
//           alike; a student that starts from random weights is distilled in the same way. Then
//           all are attacked: trained on the forget digits, at the learning rate that works best.
// Expect    The suppressed network relearns within a few steps, the random student as slowly as the
//           oracle.
// Source    Lee et al. 2025, arXiv:2506.06278, and the authors' MNIST demonstration of it
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/forgetting.h"
#include "lab/image_task.h"
#include "nn/losses.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

constexpr const char* kBase = "base";
constexpr const char* kOracle = "oracle";
constexpr const char* kSuppressed = "suppressed";
constexpr const char* kStudent = "random-student";
constexpr const char* kFresh = "fresh";
constexpr const char* kPlacebo = "placebo";
constexpr const char* kPlaceboStudent = "placebo-student";

// What the attacker trains on.
struct Regime {
  std::string id, title;   // the curve is "relearned_<id>"
  std::string subset;
  bool new_output = false;
};

struct UnlearningRelearning : ImageTask {
  std::vector<int64_t> retain = {0, 1}, forget = {2, 3, 4, 5, 6, 7, 8, 9};
  std::string controls = "cheap";
  int64_t base_epochs = 5, oracle_epochs = 10, distil_epochs = 8, batch = 128;
  double lr = 1e-3;
  int64_t attack_batch = 64, shots = 16, early = 20;
  std::vector<int64_t> attack_at = {0, 5, 10, 20, 40, 80, 160};
  std::vector<double> rates = {3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
  bool mixed = true, few = true, new_output = true;

  UnlearningRelearning() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    option("retain", retain, "classes to keep", between(0, 9));
    option("forget", forget, "classes to forget", between(0, 9));
    option("base_epochs", base_epochs, "of the base, on all images", between(0, 1000));
    option("oracle_epochs", oracle_epochs, "of the oracle, on retain images", between(0, 1000));
    option("distil_epochs", distil_epochs, "of every distillation, on all images",
           between(0, 1000));
    option("batch", batch, "images per step", between(1, 60000));
    option("lr", lr, "learning rate of Adam, before the attack", between(0, 10));
    option("attack_at", attack_at, "the attack is measured after these steps and ends at the last",
           between(0, 100000),
           harmless_if_including("claims name their steps"));
    option("early", early, "the one of these steps that heads the table of conditions",
           between(0, 100000),
           harmless("it heads a table, and claims name their steps"));
    // Never harmless: with more to choose from the attacker is another one.
    option("rates", rates, "learning rates that the attacker may choose from", between(0, 10));
    option("attack_batch", attack_batch, "images per step of the attack", between(1, 60000));
    option("mixed", mixed, "attack with retain and forget images together as well",
           harmless("no claim speaks of that attack"));
    option("few", few, "attack with few forget images as well",
           harmless("the claim about it says so"));
    option("shots", shots, "images per forget class in that attack", between(1, 6000),
           used_if(few, "few=true"));
    option("new_output", new_output, "attack with a freshly drawn output layer as well",
           harmless("the claim about it says so"));
    option("controls", controls, "cheap: one placebo; full: a second one, and the base attacked",
           one_of({"cheap", "full"}),
           harmless("it adds arms that no claim needs"));
  }

  void check() const {
    require(!retain.empty() && !forget.empty(), "retain and forget need a class each");
    for (const int64_t c : retain)
      require(std::ranges::find(forget, c) == forget.end(),
              "retain={} and forget={}: class {} is in both", fmt::join(retain, ","),
              fmt::join(forget, ","), c);
    require(!attack_at.empty() && std::ranges::is_sorted(attack_at) && attack_at.back() > 0,
            "attack_at: the steps must ascend and end above 0");
    require(std::ranges::find(attack_at, early) != attack_at.end(),
            "early={}: it must be one of the steps in attack_at", early);
    require(!rates.empty() && std::ranges::is_sorted(rates), "rates: they must ascend");
  }

  std::vector<ArmInfo> arms() const {
    std::vector<ArmInfo> a = {
        {kBase, "Base", "learns all digits"},
        {kOracle, "Oracle", "learns the retain digits only"},
        {kSuppressed, "Suppressed", "starts from the base, matches the oracle's outputs"},
        {kStudent, "Random student", "starts from random weights, matches the oracle's outputs"},
        {kFresh, "Fresh network", "random weights, nothing done"},
        {kPlacebo, "Placebo", "starts from the base, matches an untrained network's outputs"}};
    if (controls == "full")
      a.push_back({kPlaceboStudent, "Placebo student",
                   "starts from random weights, matches an untrained network's outputs"});
    return a;
  }

  std::vector<Regime> regimes() const {
    std::vector<Regime> r = {{"forget", "forget images", "forget.train"}};
    if (mixed) r.push_back({"mixed", "retain and forget images", "all.train"});
    if (few) r.push_back({"few", fmt::format("{} images per forget class", shots), "few.train"});
    if (new_output)
      r.push_back({"new_output", "forget images, output layer drawn anew", "forget.train", true});
    return r;
  }

  // --- One seed ---

  void run(Trial& t) const {
    const auto keep = one_of_classes(retain), lose = one_of_classes(forget);
    const auto either = [=](int32_t c) { return keep(c) || lose(c); };
    const int64_t all = add_subset(t, "all.train", {.keep = either});
    const int64_t wanted = add_subset(t, "retain.train", {.keep = keep});
    add_subset(t, "forget.train", {.keep = lose});
    add_subset(t, "few.train",
               {.keep = lose, .per_class = shots, .draw = t.key().fold("few images")});
    add_subset(t, "retain.test", {.keep = keep});
    add_subset(t, "forget.test", {.keep = lose});

    const Ensemble start = init(t, t.key().fold("base init"));
    const Ensemble other = init(t, t.key().fold("student init"));
    const Ensemble nobody = init(t, t.key().fold("placebo teacher init"));
    const Trained base = learn(t, kBase, start, "all.train", base_epochs);
    const Trained oracle =
        learn(t, kOracle, init(t, t.key().fold("oracle init")), "retain.train", oracle_epochs);
    // Images seen on the way, in passes of the base's training.
    const double passes = static_cast<double>(std::max<int64_t>(base_epochs * all, 1));
    const double by_oracle = static_cast<double>(oracle_epochs * wanted) / passes;
    const double by_student = static_cast<double>(distil_epochs * all) / passes;

    finish(t, kBase, base, oracle, 1, controls == "full");
    finish(t, kOracle, oracle, oracle, by_oracle);
    finish(t, kSuppressed, match(t, kSuppressed, base.model, oracle), oracle,
           1 + by_oracle + by_student);
    finish(t, kStudent, match(t, kStudent, other, oracle), oracle, by_oracle + by_student);
    finish(t, kFresh, {other.clone()}, oracle, 0);
    finish(t, kPlacebo, match(t, kPlacebo, base.model, {nobody.clone()}), oracle, 1 + by_student);
    if (controls == "full")
      finish(t, kPlaceboStudent, match(t, kPlaceboStudent, other, {nobody.clone()}), oracle,
             by_student);
  }

  Training phase(Trial& t, const char* name, const Ensemble& start, const std::string& subset,
                 StepBuilder build, int64_t epochs) const {
    Training p = phase_on(t, learning(), name, start, subset, std::move(build), batch, lr);
    p.epochs = epochs;
    return p;
  }

  Trained learn(Trial& t, const char* name, const Ensemble& start, const std::string& subset,
                int64_t epochs) const {
    return t.train(phase(t, name, start, subset, labelled_step(learning(), subset), epochs));
  }

  Trained match(Trial& t, const char* name, const Ensemble& start, const Trained& teacher) const {
    return distil(t, learning(), "all.train",
                  phase(t, name, start, "all.train", nullptr, distil_epochs), teacher);
  }

  void finish(Trial& t, const char* arm, const Trained& m, const Trained& oracle, double cost,
              bool attacked = true) const {
    std::map<std::string, double> metrics = behaviour(t, m.model, oracle.model);
    metrics["cost"] = cost;
    for (const Regime& r : attacked ? regimes() : std::vector<Regime>{}) {
      const Relearned found = relearn(t, m.model, attack(t, r));
      record_curve(t, arm, "relearned_" + r.id, found);
      metrics["best_rate_inside_" + r.id] = found.inside_share();
      metrics["regained_" + r.id] = found.at(early).worst;
    }
    t.record(arm, m, std::move(metrics));
  }

  // What the gate looks at, on test images.
  std::map<std::string, double> behaviour(Trial& t, const Ensemble& model,
                                          const Ensemble& oracle) const {
    double agreeing = 0, rows = 0;
    std::map<std::string, double> m;
    for (const std::string part : {"retain", "forget"}) {
      const std::string subset = part + ".test";
      const auto count = static_cast<double>(t.tables().at(subset).type.count());
      const Measured seen = t.evaluate(
          [&](Step& s) {
            Net own = s.net("model"), wanted = s.net("oracle");
            const Value x = images(s, subset), z = logits(own, x), o = logits(wanted, x);
            s.graph().result("accuracy", accuracy(z, labels(s, subset)));
            s.graph().result("agreement", mean(equal(arg_max(z), arg_max(o))));
            s.graph().result("kl", kl(o, z));
          },
          static_cast<int64_t>(count), {{"model", &model}, {"oracle", &oracle}});
      m[part] = seen.at("accuracy")[0];
      m[part + "_kl"] = seen.at("kl")[0];
      agreeing += count * seen.at("agreement")[0];
      rows += count;
    }
    m["agreement"] = agreeing / rows;
    return m;
  }

  RelearningAttack attack(Trial& t, const Regime& r) const {
    RelearningAttack a = attack_on(t, learning(), r.subset, "forget.test");
    a.name += " " + r.id;
    a.batch = attack_batch;
    a.steps = attack_at.back();
    a.rates = rates;
    a.at = attack_at;
    a.key = t.key().fold("attack").fold(r.id);
    if (r.new_output) a.fresh = {output_layer() + ".weight", output_layer() + ".bias"};
    return a;
  }

  // --- Claims, written before the run ---

  // The gate's thresholds and those of 3 are the protocol's, the others were set on the seeds from
  // 1000000 up with the first 20,000 training and 5,000 test images of MNIST (the measured gaps
  // stand in docs/unlearning-relearning.md); on all of MNIST one seed showed the same gaps.
  std::vector<UnlearningRelearning> calibrated() const {
    UnlearningRelearning part, all;
    all.train = 60000;
    all.test = 10000;
    UnlearningRelearning paper = all;
    paper.rates = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
    return {part, all, paper};
  }

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    const auto of = [](const char* arm, const char* metric) {
      return [=](const SeedValues& v) { return v(arm, metric); };
    };
    // What is regained after so many steps: arm a minus arm b.
    const auto more = [](int64_t step, const char* a, const char* b, const char* regime) {
      return [=, metric = std::string("relearned_") + regime](const SeedValues& v) {
        return v.at_step(step, a, metric) - v.at_step(step, b, metric);
      };
    };
    const auto below = [](double x) { return Claim{.kind = ClaimKind::below, .threshold = x}; };
    const auto above = [](double x) { return Claim{.kind = ClaimKind::above, .threshold = x}; };
    const auto gap_above = [](double x) {
      return Claim{.kind = ClaimKind::above, .threshold = x, .difference = true};
    };
    std::vector<ClaimSpec> c = {
        {"1a", "Before the attack the suppressed network's retain accuracy is less than 0.005 from "
               "the oracle's", below(0.005),
         [](const SeedValues& v) {
           return within(std::abs(v(kSuppressed, "retain") - v(kOracle, "retain")), 0, 1);
         }},
        {"1b", "The suppressed network names fewer than 0.005 of the forget digits' images",
         below(0.005), of(kSuppressed, "forget")},
        {"1c", "The oracle names fewer than 0.005 of them", below(0.005), of(kOracle, "forget")},
        {"1d", "The suppressed network answers as the oracle on more than 0.98 of the test images",
         above(0.98), of(kSuppressed, "agreement")},
        {"1e", "On forget images its probabilities diverge from the oracle's by less than 0.01",
         below(0.01), of(kSuppressed, "forget_kl")},
        {"1f", "The random student answers as the oracle on more than 0.98 of the test images",
         above(0.98), of(kStudent, "agreement")},
        {"1g", "The placebo is no suppression: it answers as the oracle on fewer than 0.98",
         below(0.98), of(kPlacebo, "agreement")},
        {"2a", "In 20 steps of attack the suppressed network regains 0.3 more than the random "
               "student", gap_above(0.3), more(20, kSuppressed, kStudent, "forget")},
        {"2b", "It regains 0.2 more than the oracle", gap_above(0.2),
         more(20, kSuppressed, kOracle, "forget")},
        {"2c", "It regains 0.05 more than a fresh network", gap_above(0.05),
         more(20, kSuppressed, kFresh, "forget")},
        {"2d", "From few images it regains 0.2 more than the random student in 40 steps",
         gap_above(0.2), more(40, kSuppressed, kStudent, "few")},
        {"2e", "With the output layer drawn anew it still regains 0.1 more than the random student "
               "in 20 steps", gap_above(0.1), more(20, kSuppressed, kStudent, "new_output")},
        {"2f", "The steps of distillation are no defence: the placebo regains 0.1 more than the "
               "random student in 20 steps", gap_above(0.1),
         more(20, kPlacebo, kStudent, "forget")},
        {"3a", "After 160 steps random student and oracle are less than 0.1 apart", below(0.1),
         [=](const SeedValues& v) {
           return within(std::abs(more(160, kStudent, kOracle, "forget")(v)), 0, 1);
         }},
        {"3b", "The suppressed network is farther above the oracle then", gap_above(0),
         [=](const SeedValues& v) {
           return more(160, kSuppressed, kOracle, "forget")(v) -
                  std::abs(more(160, kStudent, kOracle, "forget")(v));
         }},
        {"4", "The attacker's list of learning rates is wide enough: for each network the best one "
              "lies inside it at some step", above(0),
         [](const SeedValues& v) {
           std::vector<Quantity> all;
           for (const char* arm : {kOracle, kSuppressed, kStudent, kFresh, kPlacebo})
             all.push_back(v(arm, "best_rate_inside_forget"));
           return least_of(all);
         }},
    };
    for (ClaimSpec& claim : c) {
      if (claim.id[0] == '1')  // before the attack
        claim.indifferent_to = {"attack_batch", "attack_at", "rates", "shots"};
      if (set.name != "mnist")
        claim.why_not_judged = "the thresholds are MNIST's, this run used " + set.name;
      else if (claim.id == "2d" && !few)
        claim.why_not_judged = "this run has few=false";
      else if (claim.id == "2e" && !new_output)
        claim.why_not_judged = "this run has new_output=false";
    }
    return c;
  }

  // --- Figures ---

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> all;
    std::vector<std::string> attacked = {kSuppressed, kPlacebo, kFresh, kStudent, kOracle};
    if (controls == "full") attacked.insert(attacked.end(), {kBase, kPlaceboStudent});
    for (const Regime& r : regimes()) {
      FigureRow f;
      f.id = "relearned_" + r.id;
      f.title = "Relearning from " + r.title;
      f.caption = "Test accuracy on the forget digits after so many steps of attack, at the "
                  "learning rate that is best for the attacker at that step. Bands are 95 % "
                  "intervals.";
      f.spec.kind = "lines";
      f.spec.metric = f.id;
      f.spec.arms = attacked;
      f.spec.x_label = "steps of attack";
      f.spec.y_label = "accuracy on forget digits";
      f.spec.y_low = 0;
      f.spec.y_high = 1;
      all.push_back(std::move(f));
    }
    FigureRow gate;
    gate.id = "gate";
    gate.title = "Before the attack";
    gate.caption = "Test accuracy on retain and forget digits, and the share of test images on "
                   "which a network answers as the oracle does.";
    gate.spec.kind = "groups";
    gate.spec.groups = {{"retain digits", "retain"}, {"forget digits", "forget"},
                        {"as the oracle", "agreement"}};
    gate.spec.y_label = "share of test images";
    gate.spec.y_low = 0;
    gate.spec.y_high = 1;
    all.push_back(std::move(gate));
    FigureRow cost;
    cost.id = "cost";
    cost.title = "What it costs";
    cost.caption = "Images seen in training, that of the networks it was made from included, in "
                   "multiples of the base's own.";
    cost.spec.metric = "cost";
    cost.spec.y_label = "multiples of the base's training";
    cost.spec.y_low = 0;
    all.push_back(std::move(cost));
    return all;
  }
};

}  // namespace

Experiment unlearning_relearning() {
  return {
      .name = "unlearning-relearning",
      .title = "Unlearning that looks perfect, and relearning",
      .texts =
          {.question = "If a network behaves as though it had never seen some digits, has it "
                       "forgotten them?",
           .source = "Lee, Foote, Infanger, Shor, Kamath, Goldman-Wetzler, Woodworth, Cloud, "
                     "Turner: Distillation robustifies unlearning, arXiv:2506.06278; the digits "
                     "are a demonstration by the same group",
           .method =
               "A base network learns all digits; an oracle learns the retain digits only, which "
               "is data filtering, the best that unlearning could reach. The suppressed network "
               "starts from the base and is distilled from the oracle on all images without "
               "labels. When it passes a gate of equal behaviour, it is attacked: trained on "
               "forget digits by an attacker who picks the learning rate after the fact. The "
               "curve of regained accuracy over steps tells what was still inside.",
           .structure = "The suppressed network keeps the base's weights up to what matching the "
                        "oracle's outputs changes, and with them features of the forget digits "
                        "that the outputs no longer show.",
           .controls =
               "The random student has the same teacher, batches and steps but starts from random "
               "weights: the structure removed. The fresh network, those same random weights, is "
               "the control to which nothing was done. The placebo starts from the base and is "
               "distilled from an untrained network: the same treatment with nothing in it. In "
               "the full set a placebo student does the same from random weights, and the base is "
               "attacked too.",
           .translation = "A language model is fine-tuned to refuse, or to answer as a filtered "
                          "model would; a few steps of fine-tuning bring the dangerous skill "
                          "back. Distil the suppressed model into fresh weights instead.",
           .expected_failure = "Where relearning needs more new features than the base had, where "
                               "the attacker has many steps, or where the output layer is the "
                               "obstacle: an oracle says no to unseen classes so strongly that it "
                               "relearns slower than a fresh network. The attack with a new "
                               "output layer removes that advantage.",
           .costs = "The robust student pays a whole distillation, and its teacher's training, "
                    "where suppression could do with a few steps. Retain accuracy is the tax.",
           .limits = "Small networks on digits, one attacker (Adam, full fine-tuning), an oracle "
                     "as teacher that nobody has in practice."},
      .metric = "regained_forget",
      .metric_label = "forget accuracy early in the attack",
      .primary = {"2a"},
      .ranges = {{"retain", 0, 1, 500}, {"forget", 0, 1, 500}, {"agreement", 0, 1, 500},
                 {"relearned_*", 0, 1, 500}, {"regained_*", 0, 1, 500}, {"best_rate_inside_*"}},
      .seeds_needed = "The difference of 2a has a spread of 0.075 on MNIST: 6 seeds decide it in nine "
                      "of ten runs, quick has 8.",
      .presets =
          {{"quick", "the full protocol on few seeds; three minutes on two cores",
            {{"mixed", "false"}}, 8},
           {"middle", "20 seeds, all attacks and controls", {{"controls", "full"}}, 20},
           {"paper", "all of MNIST, 24 seeds, more rates and a longer attack",
            {{"controls", "full"}, {"train", "60000"}, {"test", "10000"},
             {"rates", "1e-4,3e-4,1e-3,3e-3,1e-2,3e-2"},
             {"attack_at", "0,5,10,20,40,80,160,320,640"}}, 24},
           {"smoke", "seconds: tiny networks on few images, to see that everything runs",
            {{"controls", "full"}, {"train", "500"}, {"test", "200"}, {"width", "32"},
             {"base_epochs", "1"}, {"oracle_epochs", "1"}, {"distil_epochs", "1"},
             {"attack_at", "0,2,4"}, {"early", "2"}, {"rates", "1e-3,1e-2"}}, 2}},
      .settings = settings_of<UnlearningRelearning>(),
  };
}

}  // namespace omni
