// Subliminal learning on MNIST. The question, the design and all words: subliminal_learning.md.
#include <cmath>

#include "experiments/catalogue.h"
#include "studies/authoring.h"

namespace omni {
namespace {

constexpr int64_t kSide = 28;  // of an image, for blurred noise

struct SubliminalLearning : ImageData {
  int64_t width = 256, depth = 2, ghosts = 3, classes = 10, epochs = 5, batch = 1024;
  double lr = 3e-4, temperature = 1, init_distance = 0, blur = 0, real = 0;
  std::string loss = "kl", noise = "uniform", cross_init = "stranger";

  void visit(auto&& option) {
    ImageData::visit(option.only("data train"));
    option("width", width, between(1, 8192), used_if(depth > 0, "depth=2"));
    option("depth", depth, between(0, 16));
    option("ghosts", ghosts, between(1, 4096));
    option("classes", classes, between(2, 10));
    option("epochs", epochs, between(0, 1000));
    option("batch", batch, between(1, 60000));
    option("lr", lr, between(0, 10), used_if(epochs > 0, "epochs=5"));
    option("temperature", temperature, between(1e-3, 1e3), used_if(loss == "kl", "loss=kl"));
    option("loss", loss, one_of({"kl", "mse"}));
    option("noise", noise, one_of({"uniform", "normal"}), used_if(real < 1, "real=0"));
    option("init_distance", init_distance, between(0, 100));
    option("blur", blur, between(0, 14), used_if(real < 1, "real=0"));
    option("real", real, between(0, 1));
    option("cross_init", cross_init, one_of({"stranger", "permutation"}));
  }

  // --- Graphs ---

  Value logits(Net& net, Value x) const {  // [batch, features] -> [batch, classes + ghosts]
    std::vector<int64_t> widths(depth, width);
    widths.push_back(classes + ghosts);
    return mlp(net, x, widths, {.linear = {init::lecun_normal(), init::zeros()}});
  }
  Value digits(Net& net, Value x) const { return slice(logits(net, x), 1, 0, classes); }

  Value noise_images(Step& s) const {
    const Value seen = pixels(s);
    if (real == 1) return seen;
    const Shape row{seen.dim(-1)};
    Value x = noise == "uniform"
                  ? random_uniform(s.key(), s.once(), s.index(), "noise", row) * 2.0 - 1.0
                  : random_normal(s.key(), s.once(), s.index(), "noise", row) * std::sqrt(1.0 / 3);
    if (blur > 0) {  // one row of blur weights per pixel along each axis
      const Value k = s.table("blur");
      const Value square = reshape(x, {s.batch(), kSide, kSide});
      x = reshape(matmul(matmul(k, square), k, false, true), seen.shape());
    }
    return real > 0 ? x * (1 - real) + seen * real : x;
  }

  // Matches the frozen teacher's logits from this one on.
  ScalarOf match(int64_t from) const {
    return [=, this](Step& s, Net& student) {
      Net teacher = s.net("teacher");
      const Value x = noise_images(s);
      const Value target = slice(logits(teacher, x), 1, from, classes + ghosts);
      const Value own = slice(logits(student, x), 1, from, classes + ghosts);
      return loss == "kl" ? kl(target, own, temperature) : mse(target, own);
    };
  }

  // --- One seed ---

  void run(Trial& t) const {
    require(blur == 0 || features(t) == kSide * kSide,
            "blur={}: {} has no images of 28x28; take blur=0", blur, t.data().name);
    const auto used = [&](int32_t label) { return label < classes; };
    t.add_subset("all.train", rows_where(t.data().train.y, used, train));
    t.add_subset("all.test", rows_where(t.data().test.y, used));
    if (blur > 0) t.add_table("blur", blur_matrix(), {kSide, kSide});

    const std::vector<int32_t> others = permutation(Key::of(0).fold("permutation"), 100);
    const Key another = cross_init == "stranger" ? t.key().fold("stranger")
                                                 : Key::of(others[t.seed() % 100]).fold("init");
    const auto define = [&](Net& net, Value x) { logits(net, x); };
    const Trained reference = init(t, t.key().fold("init"), define);
    const Trained stranger = init(t, another, define);
    // The same noise images for every student of a seed.
    const Training how{.on = "all.train",
                       .batch = batch,
                       .epochs = epochs,
                       .lr = lr,
                       .draws = t.key().fold("noise")};
    const Trained teacher = t.train("teacher", reference, how, [&](Step& s, Net& net) {
      return cross_entropy(digits(net, pixels(s)), labels(s));
    });
    record(t, "reference", reference, reference, reference);
    record(t, "teacher", teacher, reference, teacher);
    for (const auto& [arm, from, start] : {std::tuple{"aux-only", classes, &reference},
                                           {"all-logits", 0, &reference},
                                           {"cross-aux-only", classes, &stranger},
                                           {"cross-all-logits", 0, &stranger}}) {
      Trained own = start->clone();
      own.model.perturb(0, t.key().fold("init_distance"), init_distance, Ensemble::Noise::relative);
      const Trained m = t.train(arm, own, how, match(from), {{"teacher", &teacher}});
      record(t, arm, m, own, teacher);
    }
  }

  void record(Trial& t, const std::string& arm, const Trained& m, const Trained& start,
              const Trained& teacher) const {
    const double right = t.measure(m, "all.test", [&](Step& s, Net& net) {
      return accuracy(digits(net, pixels(s)), labels(s));
    });
    t.record(arm, m,
             {{"accuracy", right},
              {"distance_from_start", distance(m, start)},
              {"distance_to_teacher", distance(m, teacher)},
              {"digit_rows_unchanged", same_rows(m, start, 0, classes)},
              {"aux_rows_unchanged", same_rows(m, start, classes, classes + ghosts)}});
  }

  // 1 if rows from..to-1 of the output layer, bias included, are equal to the bit.
  double same_rows(const Trained& a, const Trained& b, int64_t from, int64_t to) const {
    const auto same = [&](const char* part) {
      const std::string name = fmt::format("layers.{}.{}", depth, part);
      return same_bits(a.model.rows(name, 0, from, to), b.model.rows(name, 0, from, to));
    };
    return same("weight") && same("bias");
  }

  // Gaussian weights along one axis, cut at the border, each row scaled to keep a pixel's variance.
  std::vector<float> blur_matrix() const {
    std::vector<float> k;
    for (int64_t i = 0; i < kSide; ++i) {
      double row[kSide], squares = 0;
      for (int64_t j = 0; j < kSide; ++j) {
        row[j] = std::exp(-std::pow(i - j, 2) / (2 * blur * blur));
        squares += row[j] * row[j];
      }
      for (const double weight : row) k.push_back(static_cast<float>(weight / std::sqrt(squares)));
    }
    return k;
  }

  // --- Claims, written before the run; numbers of section 5 of the protocol ---

  void claims(Claims& claim) const {
    const auto acc = [](const char* arm) { return of(arm, "accuracy"); };
    claim("1a", acc("aux-only") > 0.45);
    claim("1b", acc("aux-only") - acc("cross-aux-only") > 0.30);
    claim("2a", near(acc("cross-aux-only"), 0.10, 0.03));
    claim("2b", near(acc("reference"), 0.10, 0.02));
    claim("3a", near(acc("teacher"), 0.943, 0.005));
    claim("3b", near(acc("all-logits"), 0.913, 0.01));
    claim("3c", near(acc("cross-all-logits"), 0.743, 0.03));
    claim("3d", near(acc("aux-only"), 0.528, 0.05));
    claim("4a", acc("teacher") > acc("all-logits"));
    claim("4b", acc("all-logits") > acc("cross-all-logits"));
    claim("4c", acc("cross-all-logits") > acc("aux-only"));
    claim("4d", acc("aux-only") > acc("cross-aux-only"));
    claim.at_any()("5a", always(of("teacher", "aux_rows_unchanged") == 1));
    claim.at_any()("5b", always(of("aux-only", "digit_rows_unchanged") == 1));

    // Of sweeps: judged when the values that they speak of were run.
    const auto at = [&](const char* variant) { return acc("aux-only").at(variant); };
    claim("7a", at("init_distance=0.05") > 0.9 * at("init_distance=0"));
    claim("7b", at("init_distance=0.2") < 0.85 * at("init_distance=0"));
    claim("7c", at("init_distance=0.4") < 0.6 * at("init_distance=0"));
    claim("8a", at("ghosts=30") > at("ghosts=3"));
    claim("8b", at("ghosts=3") > at("ghosts=2"));
    claim("8c", at("width=256") - at("width=512") > 0.05);
    claim("9a", at("blur=1") - at("blur=0") > 0.1);
    claim("9b", at("real=1") < 0.3);
  }

  void figures(Figures& figure) const {
    figure.bars("accuracy").unit().level(1.0 / classes, "chance");
  }
};

}  // namespace

Experiment subliminal_learning() {
  return experiment<SubliminalLearning>(
      {.name = "subliminal-learning",
       .metric = "accuracy",
       .primary = {"1b"},
       .ranges = {{"accuracy", 0, 1, 1000}, {"distance_*", 0, kNoEnd}},
       .judged_on = "mnist",
       .presets = {
           {"quick", 10}, {"paper", 100}, {"smoke", 2, "train=2000 width=32 epochs=1 batch=256"}}});
}

}  // namespace omni
