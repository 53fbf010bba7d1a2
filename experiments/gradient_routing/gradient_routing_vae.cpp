// Gradient routing: latents that mean digits. The question, the design and all words:
// gradient_routing_vae.md.
#include <cmath>

#include "base/statistics.h"
#include "experiments/catalogue.h"
#include "lab/epochs.h"
#include "ops/route.h"
#include "studies/authoring.h"
#include "studies/by_class.h"
#include "studies/routing_study.h"

namespace omni {
namespace {

constexpr int64_t kLatents = 10;                           // one per class
constexpr double kScales[] = {0, 0.5, 1, 1.5, 2, 2.5, 3};  // of the traversal, the demo's range
constexpr int64_t kJudged = 3;  // at which a latent should draw its digit
constexpr int64_t kSteps = std::ssize(kScales), kColumns = kSteps + 1;

struct RoutedVae : ImageData, MirrorCoder, LabelFaults {
  int64_t epochs = 5, batch = 128;
  double lr = 0.001, lr_decay = 0.95, reconstruction = 0.3, kl_weight = 1;

  RoutedVae() { hidden = {256, 64}; }

  void visit(auto&& option) {
    option("data", data, one_of({"auto", "mnist", "fashion-mnist", "digits"}),
           harmless("claims look at the data that the run had"));
    option("train", train, between(10, 60000));
    option("test", test, between(10, 10000));
    MirrorCoder::visit(option);
    option("epochs", epochs, between(1, 10000));
    option("batch", batch, between(1, 60000));
    option("lr", lr, between(0, 10));
    option("lr_decay", lr_decay, between(0, 1), used_if(epochs > 1, "epochs=2"),
           used_if(lr > 0, "lr=0.001"));
    option("reconstruction", reconstruction, between(0.000001, 1000));
    option("kl_weight", kl_weight, between(0, 1000));
    LabelFaults::visit(option);
  }

  // --- Graphs ---

  struct Latents {
    Value m, c;  // [B, 10]: where a latent is, and how far it is spread
  };
  Latents encode(Net& net, Value x) const {
    const Value h = encoder(net, x, kLatents);
    return {linear(net, "mean", h, kLatents), linear(net, "spread", h, kLatents)};
  }
  Value decode(Net& net, Value z, int64_t pixels) const {
    return sigmoid(decoder(net, "decoder", z, pixels));
  }
  static Value shades(Step& s) { return pixels(s) * 0.5 + 0.5; }  // [B, pixels] in [0, 1]

  // z = relu(m + c e), e ~ N(0, 1) anew in every step.
  static Value sample(Step& s, const Latents& l, const char* purpose, Value step) {
    return relu(l.m + l.c * random_normal(s.key(), step, s.index(), purpose, {kLatents}));
  }

  // Of one mean, and the masks of an arm, if it has any: the latent that each sample is said to be
  // of, or all where its label is missing.
  Value error(Step& s, Net& net, const std::string& masks, Value x, const Latents& l) const {
    Value z = sample(s, l, "epsilon", convert(s.step(), DType::i32));
    if (!masks.empty()) {
      const Value told = one_hot(s.samples(masks), kLatents + 1);
      z = route(z, slice(told, 1, 0, kLatents) + slice(told, 1, kLatents, kLatents + 1));
    }
    return mean(reduce_sum(square(decode(net, z, x.dim(1)) - x), {1}));
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_all(t);
    for (const std::string arm : {"routed", "unrouted", "random-masks"})
      t.part(arm, [&] { run_arm(t, arm); });
  }

  void run_arm(Trial& t, const std::string& arm) const {
    const std::string masks = arm == "unrouted" ? "" : arm;
    const auto own = [](int32_t label) { return label; };
    if (!masks.empty()) tell(t, masks, kLatents, own, arm == "random-masks");
    const Trained start = init(t, t.key().fold("init"),
                               [&](Net& net, Value x) { decode(net, encode(net, x).m, x.dim(1)); });
    Training how{.on = "all.train",
                 .batch = batch,
                 .epochs = epochs,
                 .key = t.key(),
                 .draws = t.key().fold("noise")};
    const int64_t per_epoch = steps_per_epoch(t, how);
    how.lr = [&](int64_t step, int64_t) { return lr * std::pow(lr_decay, step / per_epoch); };
    look_after_epochs(t, how, "all.test", doublings(epochs), [&](Step& s) {
      Net net = s.net("model");
      s.graph().result("accuracy", accuracy(encode(net, shades(s)).m, labels(s)));
    });
    const Trained m = t.train(arm, start, how, [&](Step& s, Net& net) {
      const Value x = shades(s);
      const Latents l = encode(net, x);
      const Value loss = error(s, net, masks, x, l) * reconstruction;
      if (kl_weight == 0) return loss;
      // The source adds e^c - c though c is a deviation where z is drawn: at its least, c = 0,
      // there is no noise, so this is nearly an autoencoder with a penalty on m.
      return loss + mean(square(l.m) + exp(l.c) - l.c) * kl_weight;
    });
    epoch_curves(t, arm, m, how);
    auto metrics = test_metrics(t, m);
    metrics["drawn"] = draw(t, arm, m);
    if (arm == "routed")
      metrics["forward_unchanged"] =
          unchanged_by(t, m, "all.train", batch, [&](Step& s, Net& net, bool routed) {
            const Value x = shades(s);
            return error(s, net, routed ? masks : "", x, encode(net, x));
          });
    t.record(arm, m, metrics);
  }

  // --- Measures ---

  // As the source: the largest m names the digit; beside it the largest z as it is drawn.
  std::map<std::string, double> test_metrics(Trial& t, const Trained& trained) const {
    const Measured r = t.evaluate("all.test", {{"model", &trained}}, [&](Step& s) {
      Net net = s.net("model");
      const Value x = shades(s), y = labels(s);
      const Latents l = encode(net, x);
      s.graph().result("hit", correct(l.m, y));
      s.graph().result("accuracy", accuracy(l.m, y));
      s.graph().result("accuracy_sampled", accuracy(sample(s, l, "test epsilon", s.once()), y));
      s.graph().result("error", mean(square(decode(net, relu(l.m), x.dim(1)) - x)));
    });
    std::map<std::string, double> out = {{"dead", 0}};
    for (const char* name : {"accuracy", "accuracy_sampled", "error"}) out[name] = r.at(name)[0];
    const ByClass recall(labels_of(t, "all.test"), r.at("hit"));
    for (int64_t c = 0; c < kLatents; ++c) {
      out[fmt::format("recall.{}", c)] = recall[c];
      out["dead"] += recall[c] < 0.05;
    }
    return out;
  }

  // Turns up one latent at a time, keeps the pictures, and returns for how many of them the picture
  // at the judged scale is more like its own class's mean image than like any other's.
  double draw(Trial& t, const std::string& arm, const Trained& m) const {
    const int64_t rows = kLatents * kSteps, size = features(t);
    std::vector<float> codes(rows * kLatents);
    for (int64_t i = 0; i < rows; ++i) codes[i * kLatents + i / kSteps] = kScales[i % kSteps];
    t.add_table("codes", codes, {rows, kLatents});
    const auto from_codes = [&](Step& s) {
      Net net = s.net("model");
      s.graph().result("image", decode(net, s.rows("codes"), size));
    };
    const auto drawn = t.evaluate(from_codes, rows, {{"model", &m.model}}).at("image");
    const ByClass means(t.data().test.y, t.data().test.x.u8());  // an image of each
    double hits = 0;
    for (int64_t k = 0; k < kLatents; ++k) {
      const auto row = std::span(drawn).subspan(k * kSteps * size, kSteps * size);
      std::vector<double> likeness;
      for (int64_t c = 0; c < kLatents; ++c)
        likeness.push_back(pearson(row.subspan(kJudged * size, size), means.row(c)));
      hits += std::ranges::max_element(likeness) - likeness.begin() == k;
      if (arm == "random-masks") continue;  // the report shows the others
      std::vector<float> own = means.row(k);
      for (float& grey : own) grey /= 255;
      pictures(t, "traversal-" + arm, k * kColumns, row);
      pictures(t, "traversal-" + arm, k * kColumns + kSteps, own);
    }
    return hits;
  }

  // --- Claims and figures ---

  void claims(Claims& claim) const {
    const Term routed = of("routed", "accuracy"), drawn = of("routed", "drawn");
    const bool full = claim.setting() == 1;
    claim.at_any()("V0", always(of("routed", "forward_unchanged") == 1));
    claim("V1a", full ? sometimes(routed >= 0.85) : routed > 0.35);
    claim("V2", full ? sometimes(drawn >= 8) : drawn > 4);
    claim("V1b", of("unrouted", "accuracy") < (full ? 0.3 : 0.2));
    claim("P1", of("random-masks", "accuracy") < 0.3);
    claim("T1", of("routed", "error") - of("unrouted", "error") < 0.03);
  }

  void figures(Figures& figure) const {
    figure.bars("accuracy").level(0.1, "chance");
    std::vector<std::string> rows, columns;
    for (int64_t k = 0; k < kLatents; ++k) rows.push_back(fmt::format("latent {}", k));
    for (const double scale : kScales) columns.push_back(fmt::format("{}", scale));
    columns.push_back("class mean");
    for (const char* id : {"traversal-routed", "traversal-unrouted"})
      figure.images(id, kColumns).rows(rows).columns(columns);
    figure.groups("recall", {"recall.*"});
    figure.bars("error");
    figure.lines("growth", "accuracy");
  }
};

}  // namespace

Experiment gradient_routing_vae() {
  return experiment<RoutedVae>(
      {.name = "gradient-routing-vae",
       .metric = "accuracy",
       .primary = {"V1a"},
       .ranges =
           {{"accuracy*", 0, 1, 500}, {"recall*", 0, 1, 50}, {"drawn", 0, 10}, {"dead", 0, 10}},
       .judged_on = "mnist",
       .calibrated = {"", "hidden=2048,512 epochs>=100"},
       .presets = {{"quick", 6},
                   {"middle", 5, "hidden=2048,512 epochs=10"},
                   {"paper", 5, "hidden=2048,512 epochs=100"},
                   {"smoke", 2, "train=2000 test=500 hidden=64,32 epochs=2"}}});
}

}  // namespace omni
