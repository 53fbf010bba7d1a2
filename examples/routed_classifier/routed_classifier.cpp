// Can a classifier keep what it knows of some classes in half of its hidden units? See
// routed_classifier.md.
#include "nn/routing.h"
#include "studies/authoring.h"
#include "studies/routing_study.h"

namespace omni {
struct RoutedClassifier : ImageTask {
  std::vector<int64_t> forget = {5, 6, 7, 8, 9};
  int64_t units = 64, epochs = 3;
  double l1 = 0.01;

  void visit(auto&& option) {
    ImageTask::visit(option);  // data, train, test, arch, width, depth, channels
    option("forget", forget, between(0, 9));
    option("units", units, between(2, 4096));
    option("l1", l1, between(0, 10));
    option("epochs", epochs, between(1, 1000));
  }

  // images -> [rows, units] -> [rows, 10]
  Value hidden(Net& net, Value images) const {
    return relu(linear(net, "hidden", ImageTask::logits(net, images, units), units));
  }
  Value answer(Net& net, Value h) const { return linear(net, "answer", h, 10); }

  void run(Trial& t) const {
    const auto forgotten = one_of_classes(forget);
    const auto kept = [&](int32_t label) { return !forgotten(label); };
    add_subset(t, "all.train");
    add_subset(t, "forget.test", {.keep = forgotten});
    add_subset(t, "rest.test", {.keep = kept});
    t.add_table("masks", std::vector<float>{1, 0, 1, 1}, {2, 2});  // of both groups, on each half
    for (const std::string arm : {"routed", "unrouted", "random-masks"})
      t.part(arm, [&] {
        LabelFaults{}.tell(t, arm, 2, kept, arm == "random-masks");  // each sample's group, or any
        run_arm(t, arm);
      });
  }

  void run_arm(Trial& t, const std::string& arm) const {
    const Trained start =
        init(t, t.key().fold("init"), [&](Net& net, Value x) { answer(net, hidden(net, x)); });
    const Training how{
        .on = "all.train", .batch = 128, .epochs = epochs, .lr = 1e-3, .key = t.key()};
    const Trained m = t.train(arm, start, how, [&](Step& s, Net& net) {
      Value h = hidden(net, images(s));
      const Value size = sum(abs(h)) * (1.0 / static_cast<double>(s.batch()));  // not routed
      if (arm != "unrouted") h = route_parts(h, gather(s.table("masks"), s.samples(arm)));
      return cross_entropy(answer(net, h), labels(s)) + size * l1;
    });

    std::map<std::string, double> found;
    for (const std::string part : {"forget", "rest"})
      for (const bool removed : {false, true})
        found[part + (removed ? "_removed" : "")] =
            t.measure(m, part + ".test", [&](Step& s, Net& net) {
              Value h = hidden(net, images(s));
              if (removed) h = concat({part_of(h, 0, 2) * 0.0, part_of(h, 1, 2)}, 1);
              return accuracy(answer(net, h), labels(s));
            });
    t.record(arm, m, found);
  }

  void claims(Claims& claim) const {
    const auto lost = [](const char* arm, const std::string& part) {
      return of(arm, part) - of(arm, part + "_removed");
    };
    claim("1", lost("routed", "forget") > 0.5);
    claim("2", lost("routed", "rest") < 0.1);
    claim("3", lost("random-masks", "forget") - lost("random-masks", "rest") < 0.5);
  }
  void figures(Figures& figure) const {
    figure.groups("halves", {"forget", "forget_removed", "rest", "rest_removed"});
  }
};

Experiment routed_classifier() {
  return experiment<RoutedClassifier>(
      {.name = "routed-classifier",
       .metric = "forget_removed",
       .presets = {{"quick", 5, "data=fashion-mnist"}, {"smoke", 2, "data=mnist1d train=1000"}}});
}
}  // namespace omni
