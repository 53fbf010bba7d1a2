// Question  When some labels are false, does a network learn the true ones first?
// Design    A share of MNIST-1D's training labels becomes random. Along training, on the samples
//           with a false label: the share of true answers minus the share of that false label.
// Expect    Above 0 early on, below 0 in the end (Arpit et al. 2017, arXiv:1706.05394).
#include "lab/experiment.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/reduce.h"

namespace omni {
struct MyIdea {
  std::string data = "mnist1d";
  int64_t epochs = 64;
  double noise = 0.4;
  void visit(auto&& option) {  // what key=value sets and key=a,b,c sweeps
    option("epochs", epochs, "passes over the samples, 32 steps each", between(8, 1000));
    option("noise", noise, "share of random labels", between(0.01, 1));
  }
  std::vector<ArmInfo> arms() const {  // one model of each per seed
    return {{"noisy", "Some labels random", "the condition in question"},
            {"clean", "No label random", "control: nothing is done"},
            {"random", "All labels random", "control: there is no truth to learn"}};
  }
  Value logits(Net& net, Value x) const { return mlp(net, x, {200, 200, 10}); }

  void run(Trial& t) const {  // one seed: equal starts, orders and random draws in all arms
    const Ensemble start = t.init([&](Net& net) {
      logits(net, input(net.graph(), "x", {DType::f32, {1, 40}, 0}, Role::data));
    }, t.key().fold("init"));
    for (const auto& [arm, share] : {std::pair{"noisy", noise}, {"clean", 0.0}, {"random", 1.0}}) {
      std::vector<int32_t> labels = t.data().train.y;
      Stream draw(t.key().fold("labels"));
      for (int32_t& label : labels)
        if (const uint64_t other = draw.below(10); draw.uniform() < share) label = other;
      t.add_table(arm, std::move(labels), {4000});
      Training p{.name = arm, .start = &start, .samples = 4000, .batch = 125, .epochs = epochs,
                 .order = t.key().fold("order")};
      p.build = [&](Step& s) {
        Net net = s.net("model");
        const Value loss = cross_entropy(logits(net, s.rows("train.x")), s.rows(arm));
        s.graph().result("loss", loss);
        apply(Adam{}, net, loss, 1e-3);
      };
      p.probe = {.build = [&](Step& s) {  // how far answers lean to the truth, -1 .. 1
        Net net = s.net("model");
        const Value z = logits(net, s.rows("train.x"));
        const Value truth = s.rows("train.y"), told = s.rows("noisy");
        const Value all = mean(correct(z, truth) - correct(z, told));  // 0 where told = truth
        s.graph().result("lean", all / mean(not_equal(told, truth)));
      }, .rows = 4000};
      for (int64_t step = 32 * epochs; step >= 1; step /= 2) p.probe->at.push_back(step);
      const Trained model = t.train(p);
      for (const Probed& seen : model.probed)
        t.curve(arm, "lean", seen.step, seen.values.at("lean"));
      t.record(arm, model, {{"late", model.probed.back().values.at("lean")}});
    }
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto lean = [](auto arm, int64_t step) {
      return [=](auto& v) { return v.at_step(step, arm, "lean"); };
    };
    const int64_t early = 4 * epochs, late = 32 * epochs;  // steps
    return {{"1", "The truth comes first", {.threshold = 0.1}, lean("noisy", early)},
            {"2", "Then the false label", {ClaimKind::below, 0}, lean("noisy", late)},
            {"3", "Not where there is no truth", {ClaimKind::below, 0.1}, lean("random", early)}};
  }
  std::vector<FigureRow> figures() const {
    return {{"lean", "The truth first", "Samples with a false label: true minus false answers.",
             {.kind = "lines", .metric = "lean", .x_label = "training step",
              .y_label = "lean to the truth", .level_line = 0, .log_x = true}}};
  }
};
Experiment my_idea() {
  return {.name = "my-idea", .title = "Are true labels learned before false ones?",
          .texts = {.source = "arXiv:1706.05394"}, .metric = "late", .metric_label = "late lean",
          .presets = {{"quick", "ten seconds", {}, 8}, {"smoke", "1 s", {{"epochs", "8"}}, 2}},
          .settings = settings_of<MyIdea>()};
}
}  // namespace omni
