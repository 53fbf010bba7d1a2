// When some labels are false, does a network learn the true ones first? See my_idea.md.
#include "studies/authoring.h"

namespace omni {
struct MyIdea {
  std::string data = "mnist1d";
  int64_t epochs = 64;
  double noise = 0.4;

  void visit(auto&& option) {  // what key=value sets and key=a,b,c sweeps
    option("epochs", epochs, between(8, 1000));
    option("noise", noise, between(0.01, 1));
  }
  Value logits(Net& net, Value x) const { return mlp(net, x, {200, 200, 10}); }

  void run(Trial& t) const {  // one seed: equal starts, orders and random draws in all arms
    const Trained start =
        ImageData::init(t, t.key().fold("init"), [&](Net& net, Value x) { logits(net, x); });
    const auto told = [](Step& s, double share) {  // labels, that share of them random
      return replace_labels(s.samples("y"), share, 10, s.key(), s.once(), s.index(), "labels");
    };
    const auto lean = [&](Step& s, Net& net) {  // how far answers lean to the truth, -1 .. 1
      const Value z = logits(net, s.samples("x")), truth = s.samples("y"), lie = told(s, noise);
      return mean(correct(z, truth) - correct(z, lie)) / mean(not_equal(lie, truth));
    };
    Training how{.on = "train", .batch = 125, .epochs = epochs, .lr = 1e-3, .key = t.key()};
    how.probe = look("lean", "train", lean, halvings(32 * epochs));
    for (const auto& [arm, share] : {std::pair{"noisy", noise}, {"clean", 0.0}, {"random", 1.0}}) {
      const Trained m = t.train(arm, start, how, [&](Step& s, Net& net) {
        return cross_entropy(logits(net, s.samples("x")), told(s, share));
      });
      t.record(arm, m, {{"late", m.last("lean")}});
      t.curves(arm, m);
    }
  }

  void claims(Claims& claim) const {  // written before the run
    const auto lean = [](auto arm, int64_t step) { return of(arm, "lean").after(step); };
    claim("1", lean("noisy", 4 * epochs) > 0.1);
    claim("2", lean("noisy", 32 * epochs) < 0);
    claim("3", lean("random", 4 * epochs) < 0.1);
  }
  void figures(Figures& figure) const { figure.lines("lean").log_x().level(0); }
};

Experiment my_idea() {
  return experiment<MyIdea>(
      {.name = "my-idea", .metric = "late", .presets = {{"quick", 8}, {"smoke", 2, "epochs=8"}}});
}
}  // namespace omni
