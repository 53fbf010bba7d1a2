// Question  Can a classifier keep what it knows of some classes in half of its hidden units?
// Design    The gradient of images of the classes `forget` passes through the first half alone,
//           that of the others through both. L1 drops what a half does not need. Then the first
//           half is removed.
// Expect    The removed half takes its classes with it; without masks, or with random masks,
//           it does not (after Cloud et al. 2024, arXiv:2410.04332).
#include "lab/experiment.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "nn/routing.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "studies/image_task.h"

namespace omni {
struct RoutedClassifier : ImageTask {
  std::vector<int64_t> forget = {5, 6, 7, 8, 9};  // learned through the first half alone
  int64_t units = 64, epochs = 3;
  double l1 = 0.01;

  void visit(auto&& option) {
    ImageTask::visit(option);  // data, train, test, arch, width, depth, channels
    option("forget", forget, "classes that are learned through the first half alone", between(0, 9));
    option("units", units, "of the hidden layer that is cut in two", between(2, 4096));
    option("l1", l1, "pressure to drop what a half does not need", between(0, 10));
    option("epochs", epochs, "passes over the training images", between(1, 1000));
  }
  std::vector<ArmInfo> arms() const {
    return {{"routed", "routed"}, {"unrouted", "unrouted"}, {"random-masks", "random masks"}};
  }

  // images -> [rows, units] -> [rows, 10]
  Value hidden(Net& net, Value images) const {
    return relu(linear(net, "hidden", ImageTask::logits(net, images, units), units));
  }
  Value answer(Net& net, Value h) const { return linear(net, "answer", h, 10); }

  void run(Trial& t) const {
    const int64_t samples = add_subset(t, "all.train");
    add_subset(t, "forget.test", {.keep = one_of_classes(forget)});
    add_subset(t, "rest.test", {.keep = [f = one_of_classes(forget)](int32_t y) { return !f(y); }});
    for (const std::string arm : {"routed", "unrouted", "random-masks"})
      t.part(arm, [&] { run_arm(t, arm, samples); });
  }

  void run_arm(Trial& t, const std::string& arm, int64_t samples) const {
    const std::vector<int32_t> drawn = permutation(t.key().fold("masks"), samples);
    std::vector<float> masks(2 * samples);  // on the gradient of each half, by sample
    for (int64_t i = 0; i < samples; ++i) {
      const int64_t like = arm == "random-masks" ? drawn[i] : i;
      const bool first = one_of_classes(forget)(t.data().train.y[like]);
      masks[2 * i] = 1, masks[2 * i + 1] = !first;
    }
    t.add_table("masks", std::move(masks), {samples, 2});

    const Trained start = init(t, t.key().fold("init"), [&](Net& net, Value images) {
      answer(net, hidden(net, images));
    });
    Training p{.name = arm, .start = &start.model, .samples = samples, .batch = 128, .epochs = epochs,
               .order = t.key().fold("order")};
    p.build = [&](Step& s) {
      Net net = s.net("model");
      Value h = hidden(net, images(s, "all.train"));
      const Value size = sum(abs(h)) * (1.0 / static_cast<double>(s.batch()));  // not routed
      if (arm != "unrouted") h = route_parts(h, s.rows("masks"));
      const Value loss = cross_entropy(answer(net, h), labels(s, "all.train")) + size * l1;
      s.graph().result("loss", loss);
      apply(Adam{}, net, loss, 1e-3);
    };
    const Trained m = t.train(p);

    std::map<std::string, double> metrics;
    for (const std::string part : {"forget", "rest"})
      for (const bool removed : {false, true})
        metrics[part + (removed ? "_removed" : "")] = t.evaluate([&](Step& s) {
          Net net = s.net("model");
          Value h = hidden(net, images(s, part + ".test"));
          if (removed) h = concat({part_of(h, 0, 2) * 0.0, part_of(h, 1, 2)}, 1);
          s.graph().result("accuracy", accuracy(answer(net, h), labels(s, part + ".test")));
        }, t.tables().at(part + ".test").type.count(), {{"model", &m.model}}).at("accuracy")[0];
    t.record(arm, m, metrics);
  }

  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto lost = [](const char* arm, std::string part) {
      return [=](const SeedValues& v) { return v(arm, part) - v(arm, part + "_removed"); };
    };
    return {{"1", "Without the first half the routed network loses its classes",
             {.threshold = 0.5, .difference = true}, lost("routed", "forget")},
            {"2", "and keeps the others", {ClaimKind::below, 0.1}, lost("routed", "rest")},
            {"3", "Random masks do not do that", {ClaimKind::below, 0.5},
             [=](const SeedValues& v) {
               return lost("random-masks", "forget")(v) - lost("random-masks", "rest")(v);
             }}};
  }
  std::vector<FigureRow> figures() const {
    FigureSpec spec{.kind = "groups", .y_label = "test accuracy"};
    spec.groups = {{"forget, whole", "forget"}, {"forget, half removed", "forget_removed"},
                   {"rest, whole", "rest"}, {"rest, half removed", "rest_removed"}};
    return {{"halves", "What remains without the first half", "", spec}};
  }
};

Experiment routed_classifier() {
  return {.name = "routed-classifier", .title = "A classifier in two halves",
          .texts = {.question = "Can a classifier keep some classes in half of its units?"},
          .metric = "forget_removed", .metric_label = "accuracy on removed classes",
          .presets = {{"quick", "Fashion-MNIST", {{"data", "fashion-mnist"}}, 5},
                      {"smoke", "2 s", {{"data", "mnist1d"}, {"train", "1000"}}, 2}},
          .settings = settings_of<RoutedClassifier>()};
}
}  // namespace omni
