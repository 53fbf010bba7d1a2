// Question  Can each latent variable of an autoencoder be made to mean one digit, with nothing but
//           a mask on its gradient?
// Design    A variational autoencoder with ten latents. The gradient of the reconstruction reaches
//           the encoder through the latent of the image's own digit only.
// Expect    The largest latent names the digit (92.6 % in the source's one run), and a latent
//           turned up alone draws its digit. Without the mask latents mean nothing.
// Source    Goldman-Wetzler, "Gradient routing on MNIST with a VAE" (post and code, 2024), after
//           arXiv:2410.04332
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/image_task.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr int64_t kLatents = 10;  // one per class
constexpr const char* kRouted = "routed";
constexpr const char* kUnrouted = "unrouted";
constexpr const char* kRandom = "random-masks";
constexpr double kScales[] = {0, 0.5, 1, 1.5, 2, 2.5, 3};  // of the traversal, the demo's range
constexpr double kJudgedScale = 1.5;                       // at which a latent should draw its digit

struct RoutedVae : ImageTask {
  std::vector<int64_t> hidden = {256, 64};
  int64_t epochs = 5, batch = 128;
  double lr = 1e-3, lr_decay = 0.95, reconstruction = 0.3, kl_weight = 1;
  double labelled = 1, label_noise = 0;

  void visit(auto&& option) {
    option("data", data, "data set", one_of({"auto", "mnist", "fashion-mnist", "digits"}),
           harmless("claims look at the data that the run had"));
    option("train", train, "the first so many training samples are used", between(10, 60000));
    option("test", test, "the first so many test samples are used", between(10, 10000));
    option("hidden", hidden, "widths of the encoder's hidden layers; the decoder mirrors them",
           between(1, 8192));
    option("epochs", epochs, "passes over the training samples", between(1, 10000));
    option("batch", batch, "samples per step", between(1, 60000));
    option("lr", lr, "learning rate of Adam in the first epoch", between(0, 10));
    option("lr_decay", lr_decay, "factor on the learning rate from epoch to epoch", between(0, 1),
           used_if(epochs > 1, "epochs=2"), used_if(lr > 0, "lr=0.001"));
    option("reconstruction", reconstruction, "weight of the summed squared pixel error",
           between(1e-6, 1000));
    option("kl_weight", kl_weight, "weight of the latents' penalty; at 0 the spread may overflow",
           between(0, 1000));
    option("labelled", labelled, "share of training samples with a label; the others are not masked",
           between(0, 1));
    option("label_noise", label_noise, "share of labels replaced by another at random",
           between(0, 1), used_if(labelled > 0, "labelled=1"));
  }

  void check() const {
    require(!hidden.empty(), "'hidden' needs at least one value");
  }

  std::vector<ArmInfo> arms() const {
    return {{kRouted, "routed", "the gradient reaches a sample's own latent only", 0.9258},
            {kUnrouted, "unrouted", "the same without masks: the structure removed", {}},
            {kRandom, "masks by lot", "placebo: each sample's latent is drawn by lot", {}}};
  }

  // --- Graphs ---

  struct Latents {
    Value m, c;  // [B, 10]: where a latent is, and how far it is spread
  };

  Latents encode(Net& net, Value x) const {
    std::vector<int64_t> widths = hidden;
    widths.push_back(kLatents);
    MlpOptions options;
    options.prefix = "encoder.";
    const Value h = mlp(net, x, widths, options);
    return {linear(net, "mean", h, kLatents), linear(net, "spread", h, kLatents)};
  }

  Value decode(Net& net, Value z, int64_t pixels) const {
    std::vector<int64_t> widths(hidden.rbegin(), hidden.rend());
    widths.push_back(pixels);
    MlpOptions options;
    options.prefix = "decoder.";
    return sigmoid(mlp(net, z, widths, options));
  }

  // [B, pixels] in [0, 1].
  Value pixels(Step& s, const std::string& subset) const {
    return flatten(images(s, subset)) * 0.5 + 0.5;
  }

  // z = relu(m + c e), e ~ N(0, 1) anew in every step.
  static Value sample(Step& s, const Latents& l) {
    const Value e = random_normal(s.key(), convert(s.step(), DType::i32), s.index(), "epsilon",
                                  {kLatents});
    return relu(l.m + l.c * e);
  }

  Value reconstruction_error(Step& s, Net& net, const std::string& arm, Value x,
                             const Latents& l) const {
    Value z = sample(s, l);
    if (arm != kUnrouted) z = route(z, s.rows(arm + ".route"));
    return mean(reduce_sum(square(decode(net, z, x.dim(1)) - x), {1}));
  }

  void train_step(Step& s, const std::string& arm) const {
    Net net = s.net("model");
    const Value x = pixels(s, "all.train");
    const Latents l = encode(net, x);
    Value loss = reconstruction_error(s, net, arm, x, l) * reconstruction;
    // The source adds e^c - c though c is a deviation where z is drawn: at its least, c = 0, there
    // is no noise, so this is nearly an autoencoder with a penalty on m.
    if (kl_weight > 0) loss = loss + mean(square(l.m) + exp(l.c) - l.c) * kl_weight;
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_subset(t, "all.train");
    add_subset(t, "all.test");
    for (const char* arm : {kRouted, kUnrouted, kRandom}) t.part(arm, [&] { run_arm(t, arm); });
  }

  void run_arm(Trial& t, const std::string& arm) const {
    add_masks(t, arm);
    int64_t features = 1;
    for (const int64_t d : t.data().shape) features *= d;
    const Ensemble start = init(t, t.key().fold("init"), [&](Net& net, Value x) {
      decode(net, encode(net, x).m, features);
    });
    Training p;
    p.name = arm;
    p.start = &start;
    p.build = [&](Step& s) { train_step(s, arm); };
    p.samples = t.tables().at("all.train").type.count();
    p.batch = batch;
    p.epochs = epochs;
    p.order = t.key().fold("order");
    p.random = t.key().fold("noise");
    const int64_t per_epoch = (p.samples + batch - 1) / batch;
    p.lr = [=, this](int64_t step, int64_t) {
      return lr * std::pow(lr_decay, static_cast<double>(step / per_epoch));
    };
    p.probe = Probe{[&](Step& s) { measure(s, false); }, t.tables().at("all.test").type.count(), {}, 0};
    for (int64_t epoch = 1; epoch <= epochs; epoch *= 2) p.probe->at.push_back(epoch * per_epoch);
    p.probe->at.push_back(epochs * per_epoch);
    const Trained m = t.train(p);
    for (const Probed& seen : m.probed)
      t.curve(arm, "accuracy", seen.step / per_epoch, seen.values.at("accuracy"));

    std::map<std::string, double> metrics = test_metrics(t, m.model);
    metrics["drawn"] = draw(t, arm, m.model, features);
    if (arm == kRouted) metrics["forward_unchanged"] = forward_unchanged(t, m.model);
    t.record(arm, m, metrics);
  }

  // One-hot of each sample's class: known, wrong, missing (all ones) or drawn by lot.
  void add_masks(Trial& t, const std::string& arm) const {
    if (arm == kUnrouted) return;
    const int64_t n = t.tables().at("all.train").type.count();
    std::vector<int32_t> label(t.data().train.y.begin(), t.data().train.y.begin() + n);
    if (arm == kRandom) {
      const std::vector<int32_t> truth = label;
      const std::vector<int32_t> lot = permutation(t.key().fold("random masks"), n);
      for (int64_t i = 0; i < n; ++i) label[i] = truth[lot[i]];
    }
    Stream wrong(t.key().fold("wrong labels")), missing(t.key().fold("missing labels"));
    std::vector<float> route(n * kLatents);
    for (int64_t i = 0; i < n; ++i) {
      const auto other = static_cast<int32_t>(wrong.below(kLatents - 1));
      if (wrong.uniform() < label_noise) label[i] = other + (other >= label[i]);
      const bool known = missing.uniform() < labelled;
      for (int32_t k = 0; k < kLatents; ++k)
        route[i * kLatents + k] = !known || k == label[i] ? 1.0f : 0.0f;
    }
    t.add_table(arm + ".route", std::move(route), {n, kLatents});
  }

  // --- Measures ---

  // As the source: the largest m names the digit; beside it the largest z as it is drawn.
  void measure(Step& s, bool with_hits) const {
    Net net = s.net("model");
    const Value x = pixels(s, "all.test"), y = labels(s, "all.test");
    const Latents l = encode(net, x);
    const Value once = convert(constant(s.graph(), 0), DType::i32);
    const Value e = random_normal(s.key(), once, s.index(), "test epsilon", {kLatents});
    const Value hit = correct(l.m, y);  // [B]
    s.graph().result("accuracy", mean(hit));
    s.graph().result("accuracy_sampled", accuracy(relu(l.m + l.c * e), y));
    s.graph().result("error", mean(square(decode(net, relu(l.m), x.dim(1)) - x)));
    if (with_hits) s.graph().result("hit", hit);
  }

  std::map<std::string, double> test_metrics(Trial& t, const Ensemble& m) const {
    const int64_t rows = t.tables().at("all.test").type.count();
    const Measured r = t.evaluate([&](Step& s) { measure(s, true); }, rows, {{"model", &m}});
    std::map<std::string, double> out;
    for (const char* name : {"accuracy", "accuracy_sampled", "error"}) out[name] = r.at(name)[0];
    std::vector<double> hits(kLatents), count(kLatents);
    for (int64_t i = 0; i < rows; ++i) {
      hits[t.data().test.y[i]] += r.at("hit")[i];
      ++count[t.data().test.y[i]];
    }
    double dead = 0;
    for (int64_t c = 0; c < kLatents; ++c) {
      out[fmt::format("recall.{}", c)] = hits[c] / count[c];
      dead += hits[c] < 0.05 * count[c];
    }
    out["dead"] = dead;
    return out;
  }

  // Turns up one latent at a time, keeps the pictures, and returns for how many of them the picture
  // at kJudgedScale is more like its own class's mean image than like any other's.
  double draw(Trial& t, const std::string& arm, const Ensemble& m, int64_t features) const {
    std::vector<float> codes;
    for (int64_t k = 0; k < kLatents; ++k)
      for (const double scale : kScales)
        for (int64_t j = 0; j < kLatents; ++j)
          codes.push_back(j == k ? static_cast<float>(scale) : 0.0f);
    const int64_t rows = kLatents * std::ssize(kScales);
    t.add_table("codes", std::move(codes), {rows, kLatents});
    const std::vector<float> drawn = t.evaluate(
        [&](Step& s) {
          Net net = s.net("model");
          s.graph().result("image", decode(net, s.rows("codes"), features));
        },
        rows, {{"model", &m}}).at("image");
    const std::vector<std::vector<float>> means = class_means(t, features);
    const int64_t columns = std::ssize(kScales) + 1;
    const auto picture = [&](int64_t place, std::span<const float> image) {
      if (arm == kRandom) return;  // the report shows the others
      t.image("traversal-" + arm, place, "", image, t.data().shape[0], t.data().shape[1]);
    };
    double hits = 0;
    for (int64_t k = 0; k < kLatents; ++k) {
      for (int64_t i = 0; i < std::ssize(kScales); ++i) {
        const auto image = std::span(drawn).subspan((k * std::ssize(kScales) + i) * features, features);
        picture(k * columns + i, image);
        if (kScales[i] != kJudgedScale) continue;
        std::vector<double> likeness;
        for (const auto& mean : means) likeness.push_back(correlation(image, mean));
        hits += std::ranges::max_element(likeness) - likeness.begin() == k;
      }
      picture(k * columns + std::ssize(kScales), means[k]);
    }
    return hits;
  }

  static std::vector<std::vector<float>> class_means(Trial& t, int64_t features) {
    std::vector<std::vector<double>> sum(kLatents, std::vector<double>(features));
    std::vector<double> count(kLatents);
    const Split& split = t.data().test;
    const std::span<const uint8_t> pixels = split.x.u8();
    for (size_t i = 0; i < split.y.size(); ++i) {
      ++count[split.y[i]];
      for (int64_t f = 0; f < features; ++f)
        sum[split.y[i]][f] += pixels[i * features + f] / 255.0;
    }
    std::vector<std::vector<float>> means(kLatents);
    for (int64_t c = 0; c < kLatents; ++c)
      for (const double x : sum[c]) means[c].push_back(static_cast<float>(x / count[c]));
    return means;
  }

  static double correlation(std::span<const float> a, std::span<const float> b) {
    const auto n = static_cast<double>(a.size());
    double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      sa += a[i], sb += b[i];
      aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
    }
    const double spread = std::sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
    return spread > 0 ? (ab - sa * sb / n) / spread : 0;
  }

  // 1 if the mask leaves the forward pass as it was, to the bit.
  double forward_unchanged(Trial& t, const Ensemble& m) const {
    const auto forward = [&](const char* arm) {
      return t.evaluate(
          [&](Step& s) {
            Net net = s.net("model");
            const Value x = pixels(s, "all.train");
            s.graph().result("error", reconstruction_error(s, net, arm, x, encode(net, x)));
          },
          std::min<int64_t>(batch, t.tables().at("all.train").type.count()), {{"model", &m}});
    };
    return forward(kRouted) == forward(kUnrouted);
  }

  // --- Figures ---

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> list;
    FigureRow acc{"accuracy", "Does the largest latent name the digit?",
                  "Accuracy of the arg-max over m on test images. No loss asks for it.", {}};
    acc.spec.metric = "accuracy";
    acc.spec.y_label = "accuracy";
    acc.spec.level_line = 0.1;
    acc.spec.level_label = "chance";
    acc.spec.reference = {{kRouted, 0.9258}};
    list.push_back(acc);
    for (const char* arm : {kRouted, kUnrouted}) {
      FigureRow f{fmt::format("traversal-{}", arm),
                  fmt::format("One latent turned up, {}", arm == std::string(kRouted)
                                                              ? "with routing"
                                                              : "without"),
                  "Each row decodes one latent at rising values, all others 0; the last column is "
                  "the mean image of that row's class. The first seed's network.", {}};
      f.spec.kind = "images";
      f.spec.columns = static_cast<int>(std::ssize(kScales)) + 1;
      for (int64_t k = 0; k < kLatents; ++k) f.spec.row_labels.push_back(fmt::format("latent {}", k));
      for (const double scale : kScales) f.spec.column_labels.push_back(fmt::format("{}", scale));
      f.spec.column_labels.push_back("class mean");
      list.push_back(f);
    }
    FigureRow recall{"recall", "Which digits are found", "Share of each class's test images whose "
                     "largest latent is their own. Latents die when their ReLU is never on.", {}};
    recall.spec.kind = "groups";
    recall.spec.x_label = "class";
    recall.spec.y_label = "recall";
    for (int64_t c = 0; c < kLatents; ++c)
      recall.spec.groups.push_back({fmt::format("{}", c), fmt::format("recall.{}", c)});
    list.push_back(recall);
    FigureRow error{"error", "The price: squared pixel error of the reconstruction",
                    "Mean over test images and pixels in [0, 1], latents without noise.", {}};
    error.spec.metric = "error";
    error.spec.y_label = "squared error";
    list.push_back(error);
    FigureRow growth{"growth", "Accuracy while training", "", {}};
    growth.spec = {.kind = "lines", .metric = "accuracy", .x_label = "epochs",
                   .y_label = "accuracy"};
    list.push_back(growth);
    return list;
  }

  // --- Claims ---

  // The defaults, and the source's sizes, of which more epochs will do.
  std::vector<RoutedVae> calibrated() const {
    RoutedVae small, full;
    full.hidden = {2048, 512};
    full.epochs = std::max<int64_t>(100, epochs);
    return {small, full};
  }

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    const std::vector<RoutedVae> at = calibrated();
    const bool full = changes_of(*this, at[1]).size() < changes_of(*this, at[0]).size();
    std::string why;
    if (set.name != "mnist") why = "bounds are known for MNIST only";
    const auto of = [](const char* arm, const char* metric) {
      return [=](const SeedValues& v) { return v(arm, metric); };
    };
    const auto at_least = [](const char* arm, const char* metric, double bound) {
      return [=](const SeedValues& v) {
        const double x = v(arm, metric);
        return std::isnan(x) ? kNaN : x >= bound ? 1.0 : 0.0;
      };
    };
    std::vector<ClaimSpec> list = {
        {"V0", "The mask leaves the forward pass as it was, bit for bit",
         {.kind = ClaimKind::exact}, of(kRouted, "forward_unchanged")}};
    list.front().at_all_settings = true;
    if (full) {
      list.push_back({"V1a", "Some network's largest latent names at least 85 % of the digits",
                      {.kind = ClaimKind::some}, at_least(kRouted, "accuracy", 0.85), {}, why});
      list.push_back({"V2", "Some network draws at least 8 of 10 digits from one latent each",
                      {.kind = ClaimKind::some}, at_least(kRouted, "drawn", 8), {}, why});
    } else {
      list.push_back({"V1a", "The largest latent names the digit: accuracy",
                      {.kind = ClaimKind::above, .threshold = 0.35}, of(kRouted, "accuracy"), {},
                      why});
      list.push_back({"V2", "A latent turned up alone draws its digit: latents of 10 that do",
                      {.kind = ClaimKind::above, .threshold = 4}, of(kRouted, "drawn"), {}, why});
    }
    list.push_back({"V1b", "Without masks it does not: accuracy of the unrouted network",
                    {.kind = ClaimKind::below, .threshold = full ? 0.3 : 0.2},
                    of(kUnrouted, "accuracy"), {}, why});
    list.push_back({"P1", "It is the labels: accuracy with masks drawn by lot",
                    {.kind = ClaimKind::below, .threshold = 0.3}, of(kRandom, "accuracy"), {},
                    why});
    list.push_back({"T1", "The price: squared error with masks minus without",
                    {.kind = ClaimKind::below, .threshold = 0.03, .difference = true},
                    [](const SeedValues& v) { return v(kRouted, "error") - v(kUnrouted, "error"); },
                    {}, why});
    return list;
  }
};

}  // namespace

Experiment gradient_routing_vae() {
  Experiment e;
  e.name = "gradient-routing-vae";
  e.title = "Gradient routing: latents that mean digits";
  e.texts = {
      .question = "Can each latent variable of an autoencoder be made to mean one digit, with "
                  "nothing but a mask on its gradient?",
      .source = "Goldman-Wetzler 2024, routed VAE (post and code gradient-routed-vae), after Cloud "
                "et al. 2024, Gradient Routing (arXiv:2410.04332)",
      .method = "A variational autoencoder squeezes an image into ten latents z = relu(m + c e) with "
                "noise e, and draws it again from them. Forward, all latents are used. Backward, the "
                "gradient of the reconstruction passes only through the latent with the number of "
                "the image's digit; the penalty on the latents is not masked.\n\nTest images are "
                "classified by the largest m, which no loss asks for; and each latent is turned up "
                "alone to see what it draws.",
      .structure = "Labels, and a mask that gives each digit one latent to be learned through.",
      .controls = "The same network without masks, and a placebo whose masks are drawn by lot, as "
                  "many of each kind.",
      .translation = "One unit of a large model that carries one concept and can be turned up or "
                     "down (steering scalars in language models).",
      .expected_failure = "A latent whose ReLU is never on gets no gradient and stays dead; how many "
                          "die differs from seed to seed and over training, so single runs mislead.",
      .costs = "The reconstruction is worse than without masks: the figure of the squared error.",
      .limits = "The source shows one selected run of 100 epochs at 2048-512. The quick preset is "
                "smaller and shorter and finds fewer digits."};
  e.metric = "accuracy";
  e.metric_label = "accuracy of the largest latent";
  const std::string big = "2048,512";
  e.presets = {{"quick", "256-64 networks, 5 epochs (source: 2048-512, 100 epochs)", {}, 6},
               {"middle", "2048-512 networks, 10 epochs", {{"hidden", big}, {"epochs", "10"}}, 5},
               {"paper", "as the source: 2048-512, 100 epochs; for a GPU",
                {{"hidden", big}, {"epochs", "100"}}, 5},
               {"smoke", "seconds: a look at the machinery, nothing is judged",
                {{"train", "2000"}, {"test", "500"}, {"hidden", "64,32"}, {"epochs", "2"}}, 2}};
  e.settings = settings_of<RoutedVae>();
  e.primary = {"V1a"};
  e.ranges = {{"accuracy*", 0, 1, 500}, {"recall*", 0, 1, 50}, {"drawn", 0, 10}, {"dead", 0, 10}};
  e.seeds_needed = "Accuracy has a spread of 0.074 on MNIST: 4 seeds decide V1a in nine of ten runs, "
                   "quick has 6.";
  return e;
}

}  // namespace omni
