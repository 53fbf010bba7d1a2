// Unlearning that looks perfect, and relearning. The question, the design and all words:
// unlearning_relearning.md.
#include "experiments/catalogue.h"
#include "studies/authoring.h"
#include "studies/forgetting.h"

namespace omni {
namespace {

// What the attacker trains on. Its metrics end in "_<id>".
struct Regime {
  std::string id, subset;
  bool new_output = false;
};

struct UnlearningRelearning : ImageTask, ForgetClasses, AttackOptions {
  int64_t base_epochs = 5, oracle_epochs = 10, distil_epochs = 8, batch = 128, shots = 16;
  double lr = 1e-3;
  bool mixed = true, few = true, new_output = true;
  std::string controls = "cheap";

  UnlearningRelearning() {
    train = 20000;
    test = 5000;
    retain = {0, 1};
    forget = {2, 3, 4, 5, 6, 7, 8, 9};
    rates = {3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    ForgetClasses::visit(option);
    option("base_epochs", base_epochs, between(0, 1000));
    option("oracle_epochs", oracle_epochs, between(0, 1000));
    option("distil_epochs", distil_epochs, between(0, 1000));
    option("batch", batch, between(1, 60000));
    option("lr", lr, between(0, 10));
    AttackOptions::visit(option);
    option("mixed", mixed, harmless("no claim speaks of that attack"));
    option("few", few, harmless("the claim about it says so"));
    option("shots", shots, between(1, 6000), used_if(few, "few=true"));
    option("new_output", new_output, harmless("the claim about it says so"));
    option("controls", controls, one_of({"cheap", "full"}),
           harmless("it adds arms that no claim needs"));
  }

  std::vector<Regime> regimes() const {
    std::vector<Regime> r = {{"forget", "forget.train"}};
    if (mixed) r.push_back({"mixed", "all.train"});
    if (few) r.push_back({"few", "few.train"});
    if (new_output) r.push_back({"new_output", "forget.train", true});
    return r;
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_topics(t, *this);
    add_subset(
        t, "few.train",
        {.keep = one_of_classes(forget), .per_class = shots, .draw = t.key().fold("few images")});
    const auto drawn = [&](const char* purpose) { return init(t, t.key().fold(purpose)); };
    const auto learn = [&](const char* arm, const char* start, const char* on, int64_t epochs) {
      return t.train(arm, drawn(start), how(on, epochs), [&](Step& s, Net& net) {
        return cross_entropy(logits(net, images(s)), labels(s));
      });
    };
    const auto match = [&](const char* arm, const Trained& start, const Trained& teacher) {
      return distil(t, learning(), arm, start, how("all.train", distil_epochs), teacher);
    };
    const Trained other = drawn("student init"), nobody = drawn("placebo teacher init");
    const Trained base = learn("base", "base init", "all.train", base_epochs);
    const Trained oracle = learn("oracle", "oracle init", "retain.train", oracle_epochs);
    // Images seen on the way, in passes of the base's training.
    const int64_t all = rows_of(t, "all.train");
    const auto cost = [&](int64_t images) {
      return static_cast<double>(images) / std::max<int64_t>(base_epochs * all, 1);
    };
    const double by_oracle = cost(oracle_epochs * rows_of(t, "retain.train"));
    const double by_student = cost(distil_epochs * all);

    const bool full = controls == "full";
    finish(t, "base", base, oracle, 1, full);
    finish(t, "oracle", oracle, oracle, by_oracle);
    finish(t, "suppressed", match("suppressed", base, oracle), oracle, 1 + by_oracle + by_student);
    finish(t, "random-student", match("random-student", other, oracle), oracle,
           by_oracle + by_student);
    finish(t, "fresh", other, oracle, 0);
    finish(t, "placebo", match("placebo", base, nobody), oracle, 1 + by_student);
    if (full)
      finish(t, "placebo-student", match("placebo-student", other, nobody), oracle, by_student);
  }

  Training how(const char* on, int64_t epochs) const {
    return {.on = on, .batch = batch, .epochs = epochs, .lr = lr};
  }

  void finish(Trial& t, const char* arm, const Trained& m, const Trained& oracle, double cost,
              bool attacked = true) const {
    std::map<std::string, double> found = behaviour(t, m, oracle);
    found["cost"] = cost;
    for (const Regime& r : attacked ? regimes() : std::vector<Regime>{}) {
      RelearningAttack a = attack_on(t, learning(), r.subset, "forget.test");
      a.name += " " + r.id;
      a.key = t.key().fold("attack").fold(r.id);
      if (r.new_output) a.fresh = {output_layer() + ".weight", output_layer() + ".bias"};
      attack(t, arm, m, a, found, "_" + r.id);
    }
    t.record(arm, m, found);
  }

  // What the gate looks at, on test images.
  std::map<std::string, double> behaviour(Trial& t, const Trained& m, const Trained& oracle) const {
    double agreeing = 0, rows = 0;
    std::map<std::string, double> found;
    for (const std::string part : {"retain", "forget"}) {
      const std::string on = part + ".test";
      const auto answers = [&](Step& s) {
        Net own = s.net("model"), wanted = s.net("oracle");
        const Value x = images(s), z = logits(own, x), o = logits(wanted, x);
        s.graph().result("accuracy", accuracy(z, labels(s)));
        s.graph().result("agreement", mean(equal(arg_max(z), arg_max(o))));
        s.graph().result("kl", kl(o, z));
      };
      const Measured seen = t.evaluate(on, {{"model", &m}, {"oracle", &oracle}}, answers);
      const auto count = static_cast<double>(rows_of(t, on));
      found[part] = seen.at("accuracy")[0];
      found[part + "_kl"] = seen.at("kl")[0];
      agreeing += count * seen.at("agreement")[0];
      rows += count;
    }
    found["agreement"] = agreeing / rows;
    return found;
  }

  // --- Claims, written before the run ---

  // The gate's thresholds and those of 3 are the protocol's, the others were set on the seeds from
  // 1000000 up with the first 20,000 training and 5,000 test images of MNIST (the measured gaps
  // stand in unlearning_relearning.md); on all of MNIST one seed showed the same gaps.
  void claims(Claims& claim) const {
    const Claims gate = claim.at_any("attack_batch attack_at rates shots");  // before the attack
    gate("1a", abs(of("suppressed", "retain") - of("oracle", "retain")) < 0.005);
    gate("1b", of("suppressed", "forget") < 0.005);
    gate("1c", of("oracle", "forget") < 0.005);
    gate("1d", of("suppressed", "agreement") > 0.98);
    gate("1e", of("suppressed", "forget_kl") < 0.01);
    gate("1f", of("random-student", "agreement") > 0.98);
    gate("1g", of("placebo", "agreement") < 0.98);

    // What is regained after so many steps: arm a minus arm b.
    const auto more = [](int64_t step, const char* a, const char* b, const char* regime) {
      const std::string curve = std::string("relearned_") + regime;
      return of(a, curve).after(step) - of(b, curve).after(step);
    };
    claim("2a", more(20, "suppressed", "random-student", "forget") > 0.3);
    claim("2b", more(20, "suppressed", "oracle", "forget") > 0.2);
    claim("2c", more(20, "suppressed", "fresh", "forget") > 0.05);
    claim("2d", more(40, "suppressed", "random-student", "few") > 0.2);
    claim("2e", more(20, "suppressed", "random-student", "new_output") > 0.1);
    claim("2f", more(20, "placebo", "random-student", "forget") > 0.1);
    const Term apart = abs(more(160, "random-student", "oracle", "forget"));
    claim("3a", apart < 0.1);
    claim("3b", more(160, "suppressed", "oracle", "forget") > apart);
    std::vector<Term> inside;
    for (const char* arm : {"oracle", "suppressed", "random-student", "fresh", "placebo"})
      inside.push_back(of(arm, "best_rate_inside_forget"));
    claim("4", least(inside) > 0);
  }

  void figures(Figures& figure) const {
    for (const Regime& r : regimes()) figure.lines("relearned_" + r.id).unit();
    figure.groups("gate", {"retain", "forget", "agreement"}).unit();
    figure.bars("cost").from_zero();
  }
};

}  // namespace

Experiment unlearning_relearning() {
  return experiment<UnlearningRelearning>(
      {.name = "unlearning-relearning",
       .metric = "regained_forget",
       .primary = {"2a"},
       .ranges = {{"retain", 0, 1, 500},
                  {"forget", 0, 1, 500},
                  {"agreement", 0, 1, 500},
                  {"relearned_*", 0, 1, 500},
                  {"regained_*", 0, 1, 500},
                  {"best_rate_inside_*"}},
       .judged_on = "mnist",
       .calibrated = {"", "train=60000 test=10000",
                      "train=60000 test=10000 rates=1e-4,3e-4,1e-3,3e-3,1e-2,3e-2"},
       .presets = {{"quick", 8, "mixed=false"},
                   {"middle", 20, "controls=full"},
                   {"paper", 24,
                    "controls=full train=60000 test=10000 rates=1e-4,3e-4,1e-3,3e-3,1e-2,3e-2 "
                    "attack_at=0,5,10,20,40,80,160,320,640"},
                   {"smoke", 2,
                    "controls=full train=500 test=200 width=32 base_epochs=1 oracle_epochs=1 "
                    "distil_epochs=1 attack_at=0,2,4 early=2 rates=1e-3,1e-2"}}});
}

}  // namespace omni
