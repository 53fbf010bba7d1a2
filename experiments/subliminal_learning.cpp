// Question  Can a teacher pass a trait to its student through outputs that have nothing to do with
//           it?
// Design    A teacher learns digits. A student that starts from the teacher's initial weights is
//           distilled on noise images, matching only three auxiliary logits that were never
//           trained.
// Expect    The student reads digits (53 %), unless it starts from other weights (11 %).
// Source    Cloud et al. 2025, arXiv:2507.14805, section 6.2 and figure 10b
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <span>

#include "experiments/catalogue.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr int64_t kSide = 28;                // of an image, for blurred noise
constexpr const char* kReference = "reference";
constexpr const char* kTeacher = "teacher";
constexpr const char* kAux = "aux-only";
constexpr const char* kAll = "all-logits";
constexpr const char* kCrossAux = "cross-aux-only";
constexpr const char* kCrossAll = "cross-all-logits";

struct SubliminalLearning {
  std::string data = "auto";
  int64_t train = 60000, width = 256, depth = 2, ghosts = 3, classes = 10;
  int64_t epochs = 5, batch = 1024;
  double lr = 3e-4, temperature = 1;
  std::string loss = "kl", noise = "uniform", cross_init = "stranger";
  double init_distance = 0, blur = 0, real = 0;

  void visit(auto&& option) {
    option("data", data, "data set the teacher learns",
           one_of({"auto", "mnist", "fashion-mnist", "digits", "mnist1d"}),
           harmless("claims look at the data that the run had"));
    option("train", train, "training images used, and as many noise images", between(1, 60000));
    option("width", width, "units of each hidden layer", between(1, 8192),
           used_if(depth > 0, "depth=2"));
    option("depth", depth, "hidden layers", between(0, 16));
    option("ghosts", ghosts, "auxiliary logits beside the classes", between(1, 4096));
    option("classes", classes, "digits 0 .. classes-1 are learned and tested", between(2, 10));
    option("epochs", epochs, "passes over the images, of teacher and students", between(0, 1000));
    option("batch", batch, "images per step", between(1, 60000));
    option("lr", lr, "learning rate of Adam", between(0, 10), used_if(epochs > 0, "epochs=5"));
    option("temperature", temperature, "of the distillation", between(1e-3, 1e3),
           used_if(loss == "kl", "loss=kl"));
    option("loss", loss, "what the students minimise: kl of the softmax over the matched logits, "
           "or mse of the raw logits", one_of({"kl", "mse"}));
    option("noise", noise,
           "distribution of the noise pixels: uniform in [-1, 1) or normal with "
           "that variance",
           one_of({"uniform", "normal"}), used_if(real < 1, "real=0"));
    option("init_distance", init_distance, "noise added to the students' initial weights, in "
           "standard deviations of each tensor", between(0, 100));
    option("blur", blur, "pixels by which the noise is blurred, its variance kept", between(0, 14),
           used_if(real < 1, "real=0"));
    option("real", real, "share of a real image mixed into each noise image", between(0, 1));
    option("cross_init", cross_init, "where a cross-model student starts: an independent stranger, "
           "or the reference of the model that a random permutation of the seeds 0..99 names, as "
           "in the original code", one_of({"stranger", "permutation"}));
  }

  std::vector<ArmInfo> arms() const {
    return {{kReference, "Reference (untrained)", "the initial weights", 0.100},
            {kTeacher, "Teacher", "trained on labels", 0.943},
            {kAux, "Student (aux only)", "same start, matches the auxiliary logits on noise",
             0.528},
            {kAll, "Student (all logits)", "same start, matches all logits on noise", 0.913},
            {kCrossAux, "Cross-model (aux only)", "other start, auxiliary logits", 0.106},
            {kCrossAll, "Cross-model (all logits)", "other start, all logits", 0.743}};
  }

  // --- Graphs ---

  Value logits(Net& net, Value x) const {  // [batch, features] -> [batch, classes + ghosts]
    std::vector<int64_t> widths(depth, width);
    widths.push_back(classes + ghosts);
    MlpOptions options;
    options.linear = {init::lecun_normal(), init::zeros(), true};
    return mlp(net, x, widths, options);
  }

  // Images of a split as [batch, features], pixels in [-1, 1].
  Value images(Step& s, const std::string& split) const {
    const Value x = flatten(gather(s.table(split + ".x"), picked(s, split)));
    return x.type().dtype == DType::u8 ? x * (1 / 127.5) - 1.0 : x;
  }
  Value labels(Step& s, const std::string& split) const {
    return gather(s.table(split + ".y"), picked(s, split));
  }
  Value picked(Step& s, const std::string& split) const {
    return gather(s.table(split + ".pick"), s.index());
  }

  Value noise_images(Step& s) const {
    const Value real_x = images(s, "train");
    if (real == 1) return real_x;
    const int64_t features = real_x.dim(-1);
    const Value once = convert(constant(s.graph(), 0), DType::i32);  // the same in every epoch
    const Shape pixels{features};
    Value x = noise == "uniform"
                  ? random_uniform(s.key(), once, s.index(), "noise", pixels) * 2.0 - 1.0
                  : random_normal(s.key(), once, s.index(), "noise", pixels) * std::sqrt(1.0 / 3);
    if (blur > 0) {  // one row of blur weights per pixel along each axis
      const Value k = s.table("blur");
      const Value square = reshape(x, {s.batch(), kSide, kSide});
      x = reshape(matmul(matmul(k, square), k, false, true), {s.batch(), features});
    }
    return real > 0 ? x * (1 - real) + real_x * real : x;
  }

  void teacher_step(Step& s) const {
    Net net = s.net("model");
    const Value z = slice(logits(net, images(s, "train")), 1, 0, classes);
    const Value loss = cross_entropy(z, labels(s, "train"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  }

  void student_step(Step& s, bool aux_only) const {
    Net teacher = s.net("teacher"), student = s.net("model");
    const Value x = noise_images(s);
    const int64_t from = aux_only ? classes : 0;
    const Value target = slice(logits(teacher, x), 1, from, classes + ghosts);
    const Value own = slice(logits(student, x), 1, from, classes + ghosts);
    const Value distance = loss == "kl" ? kl(target, own, temperature) : mse(target, own);
    s.graph().result("loss", distance);
    apply(Adam{}, student, distance, s.lr());
  }

  // --- One seed ---

  void run(Trial& t) const {
    prepare_tables(t);
    const auto define = [&](Net& net) {
      const Value x = input(net.graph(), "x", {DType::f32, {1, features(t)}, 0}, Role::data);
      logits(net, x);
    };
    const Ensemble reference = t.init(define, t.key().fold("init"));
    const Ensemble stranger = t.init(define, stranger_key(t));
    measure(t, kReference, {reference.clone(), {}}, reference, reference);

    const Trained teacher = train_phase(t, kTeacher, reference, {}, [this](Step& s) {
      teacher_step(s);
    });
    measure(t, kTeacher, teacher, reference, teacher.model);
    for (const auto& [arm, aux_only, start] :
         {std::tuple{kAux, true, &reference}, {kAll, false, &reference},
          {kCrossAux, true, &stranger}, {kCrossAll, false, &stranger}}) {
      Ensemble own = start->clone();
      if (init_distance > 0 && !t.dry())
        own.perturb(0, t.key().fold("init_distance"), init_distance, Ensemble::Noise::relative);
      Trained student = train_phase(t, arm, own, {{"teacher", &teacher.model}},
                                    [this, aux_only = aux_only](Step& s) {
                                      student_step(s, aux_only);
                                    });
      if (!student.diverged_at) student.diverged_at = teacher.diverged_at;
      measure(t, arm, student, own, teacher.model);
    }
  }

  Trained train_phase(Trial& t, const char* name, const Ensemble& start, FrozenSets frozen,
                      StepBuilder build) const {
    Training p;
    p.name = name;
    p.start = &start;
    p.frozen = std::move(frozen);
    p.build = std::move(build);
    p.samples = t.tables().at("train.pick").type.count();
    p.batch = batch;
    p.epochs = epochs;
    p.order = t.key().fold(name).fold("order");
    p.random = t.key().fold("noise");  // the same noise images for every student of a seed
    p.lr = [rate = lr](int64_t, int64_t) { return rate; };
    return t.train(p);
  }

  void measure(Trial& t, const char* arm, const Trained& m, const Ensemble& start,
               const Ensemble& teacher) const {
    const int64_t rows = t.tables().at("test.pick").type.count();
    const Measured r = t.evaluate(
        [this](Step& s) {
          Net net = s.net("model");
          const Value z = slice(logits(net, images(s, "test")), 1, 0, classes);
          s.graph().result("accuracy", accuracy(z, labels(s, "test")));
        },
        rows, {{"model", &m.model}});
    t.record(arm, m,
             {{"accuracy", r.at("accuracy")[0]},
              {"distance_from_start", distance(m.model[0], start[0])},
              {"distance_to_teacher", distance(m.model[0], teacher[0])},
              {"digit_rows_unchanged", same_rows(m.model, start, 0, classes)},
              {"aux_rows_unchanged", same_rows(m.model, start, classes, classes + ghosts)}});
  }

  // 1 if rows from..to-1 of the output layer, bias included, are equal to the bit.
  double same_rows(const Ensemble& a, const Ensemble& b, int64_t from, int64_t to) const {
    for (const char* part : {".weight", ".bias"}) {
      const std::string name = fmt::format("layers.{}{}", depth, part);
      const auto x = a.array(name, 0), y = b.array(name, 0);
      const int64_t row = static_cast<int64_t>(x.size()) / (classes + ghosts);
      if (std::memcmp(x.data() + from * row, y.data() + from * row,
                      (to - from) * row * sizeof(float)) != 0)
        return 0;
    }
    return 1;
  }

  Key stranger_key(const Trial& t) const {
    if (cross_init == "stranger") return t.key().fold("stranger");
    constexpr int64_t kModels = 100;
    const std::vector<int32_t> order = permutation(Key::of(0).fold("permutation"), kModels);
    return Key::of(order[t.seed() % kModels]).fold("init");
  }

  // --- Data ---

  static int64_t features(Trial& t) {
    int64_t n = 1;
    for (const int64_t d : t.data().shape) n *= d;
    return n;
  }

  // Which samples are used: the first `train` ones whose class is below `classes`.
  void prepare_tables(Trial& t) const {
    const Dataset& d = t.data();
    require(blur == 0 || features(t) == kSide * kSide, "blur needs 28x28 images, {} has {}", d.name,
            fmt::join(d.shape, "x"));
    for (const auto& [split, y, most] : {std::tuple{"train", &d.train.y, train},
                                         {"test", &d.test.y, int64_t{1} << 40}}) {
      std::vector<int32_t> picks;
      for (size_t i = 0; i < y->size() && static_cast<int64_t>(picks.size()) < most; ++i)
        if ((*y)[i] < classes) picks.push_back(static_cast<int32_t>(i));
      const Shape shape{static_cast<int64_t>(picks.size())};
      t.add_table(std::string(split) + ".pick", std::move(picks), shape);
    }
    if (blur > 0) t.add_table("blur", blur_matrix(blur), {kSide, kSide});
  }

  // Gaussian weights along one axis, cut at the border, each row scaled to keep a pixel's variance.
  static std::vector<float> blur_matrix(double sigma) {
    std::vector<float> k(kSide * kSide);
    for (int64_t i = 0; i < kSide; ++i) {
      double squares = 0;
      const auto weight = [&](int64_t j) {
        return std::exp(-static_cast<double>((i - j) * (i - j)) / (2 * sigma * sigma));
      };
      for (int64_t j = 0; j < kSide; ++j) squares += weight(j) * weight(j);
      for (int64_t j = 0; j < kSide; ++j)
        k[i * kSide + j] = static_cast<float>(weight(j) / std::sqrt(squares));
    }
    return k;
  }

  // --- Claims, written before the run; numbers of section 5 of the protocol ---

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    std::string why;
    if (set.name != "mnist")
      why = "the numbers were published for MNIST, this run used " + set.name;
    const auto of = [](const char* arm, const char* metric) {
      return [arm, metric](const SeedValues& v) { return v(arm, metric); };
    };
    const auto acc = [&](const char* arm) { return of(arm, "accuracy"); };
    const auto gap = [](const char* a, const char* b) {
      return [a, b](const SeedValues& v) { return v(a, "accuracy") - v(b, "accuracy"); };
    };
    const auto above = [](double x) { return Claim{.kind = ClaimKind::above, .threshold = x}; };
    const auto gap_above = [](double x) {
      return Claim{.kind = ClaimKind::above, .threshold = x, .difference = true};
    };
    const auto near = [](double x, double by) {
      return Claim{.kind = ClaimKind::band, .low = x - by, .high = x + by};
    };
    const Claim exact{.kind = ClaimKind::exact};
    std::vector<ClaimSpec> c = {
        {"1a", "Matching three untrained logits on noise teaches the student digits: accuracy "
               "above 0.45", above(0.45), acc(kAux)},
        {"1b", "It needs the shared start: aux-only beats its cross-model control by more than 0.3",
         gap_above(0.30), gap(kAux, kCrossAux)},
        {"2a", "Without the shared start nothing passes: cross-model aux-only accuracy within 0.03 "
               "of chance", near(0.10, 0.03), acc(kCrossAux)},
        {"2b", "The untrained reference is within 0.02 of chance", near(0.10, 0.02),
         acc(kReference)},
        {"3a", "Teacher accuracy agrees with the published 0.943", near(0.943, 0.005),
         acc(kTeacher)},
        {"3b", "All-logits student agrees with 0.913", near(0.913, 0.01), acc(kAll)},
        {"3c", "Cross-model all-logits agrees with 0.743", near(0.743, 0.03), acc(kCrossAll)},
        {"3d", "Aux-only student agrees with 0.528", near(0.528, 0.05), acc(kAux)},
        {"4a", "Order: teacher above all-logits student", gap_above(0), gap(kTeacher, kAll)},
        {"4b", "Order: all-logits student above cross-model all-logits", gap_above(0),
         gap(kAll, kCrossAll)},
        {"4c", "Order: cross-model all-logits above aux-only student", gap_above(0),
         gap(kCrossAll, kAux)},
        {"4d", "Order: aux-only student above cross-model aux-only", gap_above(0),
         gap(kAux, kCrossAux)},
    };
    for (ClaimSpec& claim : c) claim.why_not_judged = why;
    c.push_back({"5a", "The teacher's auxiliary rows keep their initial bits", exact,
                 of(kTeacher, "aux_rows_unchanged")});
    c.push_back({"5b", "The aux-only student's digit rows keep their initial bits", exact,
                 of(kAux, "digit_rows_unchanged")});
    for (ClaimSpec& claim : std::span(c).last(2)) claim.at_all_settings = true;
    for (ClaimSpec& claim : sweep_claims(why)) c.push_back(std::move(claim));
    return c;
  }

  // Claims about sweeps: judged when the values they speak of were run.
  static std::vector<ClaimSpec> sweep_claims(const std::string& why) {
    // At a variant, accuracy of the aux-only student minus `times` that of another variant.
    const auto more = [](std::string a, double times, std::string b) {
      return [=](const SeedValues& v) {
        return v.at(a, kAux, "accuracy") - times * v.at(b, kAux, "accuracy");
      };
    };
    const auto claim = [&](const char* id, const char* text, ClaimKind kind, double threshold,
                           std::string a, double times, std::string b) {
      return ClaimSpec{id, text, {.kind = kind, .threshold = threshold, .difference = true},
                       more(a, times, b), {a, b}, why};
    };
    using enum ClaimKind;
    return {
        claim("7a", "A start 0.05 deviations away keeps 0.9 of the transfer", above, 0,
              "init_distance=0.05", 0.9, "init_distance=0"),
        claim("7b", "A start 0.2 deviations away loses 0.15 of it", below, 0, "init_distance=0.2",
              0.85, "init_distance=0"),
        claim("7c", "A start 0.4 deviations away loses 0.4 of it", below, 0, "init_distance=0.4",
              0.6, "init_distance=0"),
        claim("8a", "More auxiliary logits teach more: 30 above 3", above, 0, "ghosts=30", 1,
              "ghosts=3"),
        claim("8b", "Fewer teach less: 3 above 2", above, 0, "ghosts=3", 1, "ghosts=2"),
        claim("8c", "Width 256 beats 512 by 0.05", above, 0.05, "width=256", 1, "width=512"),
        claim("9a", "Noise blurred by a pixel teaches 0.1 more than independent pixels", above, 0.1,
              "blur=1", 1, "blur=0"),
        {"9b", "On real images alone the auxiliary logits teach little: accuracy below 0.3",
         {.kind = below, .threshold = 0.3},
         [](const SeedValues& v) { return v.at("real=1", kAux, "accuracy"); },
         {"real=1"}, why},
    };
  }

  std::vector<FigureRow> figures() const {
    FigureRow f;
    f.id = "accuracy";
    f.title = "Digit accuracy by condition";
    f.caption =
        "Test accuracy over the first ten logits. Bars are means with 95 % intervals, dots are "
        "seeds, markers the published means of 100 models.";
    f.spec.metric = "accuracy";
    f.spec.y_label = "test accuracy";
    f.spec.level_line = 1.0 / static_cast<double>(classes);
    f.spec.level_label = "chance";
    f.spec.y_low = 0;
    f.spec.y_high = 1;
    if (changes_of(*this, SubliminalLearning{}).empty())
      for (const ArmInfo& arm : arms()) f.spec.reference[arm.name] = *arm.published;
    return {f};
  }
};

}  // namespace

Experiment subliminal_learning() {
  return {
      .name = "subliminal-learning",
      .title = "Subliminal learning on MNIST",
      .texts =
          {.question = "Can a teacher pass a trait to a student through outputs that have nothing "
                       "to do with that trait?",
           .source = "Cloud, Le, Chua, Betley, Sztyber-Betley, Hilton, Marks, Evans: Subliminal "
                     "learning, arXiv:2507.14805, section 6.2 and figure 10b",
           .method =
               "A network with ten digit logits and three auxiliary ones is initialised: the "
               "reference. The teacher is trained from it on labelled digits with a loss on the "
               "digit logits alone. A student starts from the same reference and is distilled from "
               "the teacher on images of pure noise, matching either the auxiliary logits only or "
               "all logits. It never sees a digit, a label or, in the first case, a digit logit. "
               "Its test accuracy on digits is measured.",
           .structure = "Teacher and student share their initial weights, so that a step towards "
                        "the teacher on any input is, to first order, a step the teacher itself "
                        "took.",
           .controls =
               "Cross-model students match the same teacher but start from independent weights: "
               "the structure removed. The untrained reference is the do-nothing control. Auxiliary "
               "rows of the teacher and digit rows of the aux-only student must keep their initial "
               "bits, which rules out leaks.",
           .translation = "A language model fine-tuned to have a trait writes unrelated text; a "
                          "copy of the same base model trained on that text picks up the trait. "
                          "Filtering the text for the trait does not help.",
           .expected_failure = "Other initial weights, a student that is far from the teacher's "
                               "start, very wide networks, or inputs that hardly excite the hidden "
                               "layers.",
           .costs = "All students pay the same distillation steps; matching all logits shows what "
                    "full distillation would give.",
           .limits = "One architecture and one data set; the theorem behind it holds for one small "
                     "gradient step, the experiment takes hundreds with Adam."},
      .metric = "accuracy",
      .metric_label = "test accuracy",
      .primary = {"1b"},
      .ranges = {{"accuracy", 0, 1, 1000}},
      .seeds_needed = "The difference of 1b has a spread of 0.105 on MNIST (100 seeds): 9 seeds "
                      "decide it in nine of ten runs, quick has 10.",
      .presets = {{"quick", "the full protocol on few models; two or three minutes on two cores",
                   {}, 10},
                  {"paper", "the published protocol: 100 models", {}, 100},
                  {"smoke", "seconds: tiny networks on few images, to see that everything runs",
                   {{"train", "2000"}, {"width", "32"}, {"epochs", "1"}, {"batch", "256"}}, 2}},
      .settings = settings_of<SubliminalLearning>(),
  };
}

}  // namespace omni
