// Question  Can gradients be sent so that digits 5-9 live in one half of an autoencoder's encoding
//           and digits 0-4 in the other?
// Design    One autoencoder, one mask on the gradient that reaches the encoding: each digit teaches
//           the encoder through its own half only. Certificate decoders then try to read digits
//           from either half.
// Expect    A half shows its own digits well and the others hardly better than a constant image.
//           Without masks, or without the L1 term, both halves show everything.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.1 and appendices A and B
#include <algorithm>
#include <array>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/image_task.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "nn/routing.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr int64_t kClasses = 10;

// One row of the published table. A is the part that the classes of `forget` are routed to (the
// paper's digits 5-9), B the other one.
struct Setting {
  int64_t number;
  const char* label;
  const char* what;
  bool routed = true, separate = false;  // masks; one decoder per part
  double l1_a = 1, l1_b = 1;             // times the option l1
  double correlation = 1;                // times the option correlation
  double weight_b = 1;                   // of the reconstruction of B's classes
  double b_through_a = 0;                // of their second reconstruction, which teaches A
  bool only_a = false;                   // encoder and decoder see A's classes only
  double lo, hi;                         // published losses of A's certificate on 0-4 and 5-9
};

constexpr Setting kSettings[] = {
    {.number = 1, .label = "routing", .what = "masks, L1, correlation penalty", .lo = 0.32,
     .hi = 0.08},
    {.number = 2, .label = "separate decoders", .what = "as 1 with a decoder for each half",
     .separate = true, .lo = 0.33, .hi = 0.07},
    {.number = 3, .label = "no correlation", .what = "as 1 without the correlation penalty",
     .correlation = 0, .lo = 0.28, .hi = 0.11},
    {.number = 4, .label = "no regularisation", .what = "masks alone", .l1_a = 0, .l1_b = 0,
     .correlation = 0, .lo = 0.32, .hi = 0.32},
    {.number = 5, .label = "no reg., separate decoders", .what = "masks alone, two decoders",
     .separate = true, .l1_a = 0, .l1_b = 0, .correlation = 0, .lo = 0.09, .hi = 0.08},
    {.number = 6, .label = "A also learns 0-4",
     .what = "only 5-9 are routed; seven times the L1 on A", .l1_a = 20.0 / 3, .b_through_a = 1,
     .lo = 0.23, .hi = 0.13},
    {.number = 7, .label = "unrouted, 5-9 only, L1", .what = "no masks, no 0-4 in training",
     .routed = false, .l1_a = 1.0 / 3, .l1_b = 1.0 / 3, .correlation = 0, .weight_b = 0,
     .only_a = true, .lo = 0.27, .hi = 0.11},
    {.number = 8, .label = "unrouted, 5-9 only", .what = "the same without L1", .routed = false,
     .l1_a = 0, .l1_b = 0, .correlation = 0, .weight_b = 0, .only_a = true, .lo = 0.08,
     .hi = 0.08},
    {.number = 9, .label = "unrouted", .what = "as 1 without masks: the structure removed",
     .routed = false, .lo = 0.13, .hi = 0.13},
    {.number = 10, .label = "plain autoencoder", .what = "no masks, no regularisation",
     .routed = false, .l1_a = 0, .l1_b = 0, .correlation = 0, .lo = 0.08, .hi = 0.09}};

// A setting with a share and an error rate of labels: one arm.
struct Arm {
  std::string name, label, what;
  Setting setting;
  double labelled = 1, noise = 0;
  bool random_masks = false;
  int64_t epochs = 0;
};

struct GradientRouting : ImageTask {
  std::vector<int64_t> setting = {1, 9, 10}, hidden = {512, 128}, forget = {5, 6, 7, 8, 9};
  std::string split = "halves";
  int64_t encoding = 32, epochs = 20, batch = 512, placebo_epochs = 4;
  double l1 = 3e-3, correlation = 0.1, certificate = 1, lr = 1e-3, weight_decay = 5e-5;
  double labelled = 1, label_noise = 0;
  std::vector<double> labelled_arms, noise_arms;

  void visit(auto&& option) {
    option("data", data, "data set", one_of({"auto", "mnist", "fashion-mnist", "digits", "mnist1d"}));
    option("train", train, "the first so many training samples are used", between(10, 60000));
    option("test", test, "the first so many test samples are used", between(10, 10000));
    option("setting", setting, "rows of the published table to run as arms", between(1, 10));
    option("split", split, "halves: `forget` against the other classes; classes: a part for each",
           one_of({"halves", "classes"}));
    option("forget", forget, "classes that are routed to half A", between(0, 9));
    option("hidden", hidden, "widths of the encoder's hidden layers; decoders mirror them",
           between(1, 8192));
    option("encoding", encoding, "units of the encoding, all parts together", between(2, 4096));
    option("l1", l1, "weight of each half's L1 norm", between(0, 100));
    option("correlation", correlation, "weight of the correlation between halves", between(0, 1000));
    option("certificate", certificate, "weight of each certificate's loss", between(1e-6, 1000));
    option("labelled", labelled, "share of training samples with a label; the others are not "
           "masked", between(0, 1));
    option("label_noise", label_noise, "share of labels replaced by a random other part",
           between(0, 1));
    option("labelled_arms", labelled_arms, "further arms: setting 1 with these shares of labels",
           between(0, 1));
    option("noise_arms", noise_arms, "further arms: setting 1 with these shares of wrong labels",
           between(0, 1));
    option("epochs", epochs, "passes over the training samples", between(1, 10000));
    option("placebo_epochs", placebo_epochs, "of the arm with random masks, compared with setting "
           "1 at the same step; 0 leaves it out", between(0, 10000));
    option("batch", batch, "samples per step", between(2, 60000));
    option("lr", lr, "learning rate of Adam", between(0, 10));
    option("weight_decay", weight_decay, "added to the gradient", between(0, 10));
  }

  void check() const {
    ImageTask::check();
    require(!setting.empty() && !hidden.empty(), "'setting' and 'hidden' need at least one value");
    require(!forget.empty() && forget.size() < kClasses,
            "'forget' must name some classes and leave some");
    require(encoding % parts() == 0, "'encoding' must be a multiple of the {} parts, got {}",
            parts(), encoding);
    require(placebo_epochs <= epochs, "'placebo_epochs' must be at most 'epochs'");
    if (split == "classes")
      for (const int64_t n : setting)
        require(n == 1 || n == 3 || n == 4 || n == 9 || n == 10,
                "split=classes knows the settings 1, 3, 4, 9 and 10, not {}", n);
  }

  // --- Parts and arms ---

  int64_t parts() const { return split == "halves" ? 2 : kClasses; }
  int64_t part_of_class(int64_t c) const {
    if (split == "classes") return c;
    return std::ranges::find(forget, c) != forget.end() ? 0 : 1;
  }
  std::string part_name(int64_t p) const {
    return split == "halves" ? (p == 0 ? "a" : "b") : fmt::format("{}", p);
  }

  const Setting& setting_of(int64_t number) const { return kSettings[number - 1]; }
  static std::string arm_name(int64_t number) { return fmt::format("setting-{}", number); }

  std::vector<Arm> arm_list() const {
    std::vector<Arm> list;
    for (const int64_t n : setting) {
      const Setting& s = setting_of(n);
      list.push_back({arm_name(n), fmt::format("{} {}", n, s.label), s.what, s, labelled,
                      label_noise, false, epochs});
    }
    const Setting& one = setting_of(1);
    if (placebo_epochs > 0)
      list.push_back({"random-masks", "random masks", "setting 1, each sample's half drawn by lot", one,
                      1, 0, true, placebo_epochs});
    for (const double x : labelled_arms)
      list.push_back({fmt::format("labelled-{}", x), fmt::format("{} % labelled", 100 * x),
                      "setting 1; unlabelled samples are not masked", one, x, 0, false, epochs});
    for (const double x : noise_arms)
      list.push_back({fmt::format("noise-{}", x), fmt::format("{} % wrong labels", 100 * x),
                      "setting 1; wrong labels mask the wrong half", one, 1, x, false, epochs});
    return list;
  }

  std::vector<ArmInfo> arms() const {
    std::vector<ArmInfo> infos;
    for (const Arm& a : arm_list()) {
      ArmInfo info{a.name, a.label, a.what, {}};
      if (a.name.starts_with("setting-") && split == "halves") info.published = a.setting.lo;
      infos.push_back(info);
    }
    return infos;
  }

  // --- Graphs ---

  Value encode(Net& net, Value x) const {  // [B, pixels] -> [B, encoding], no bias at the end
    MlpOptions options;
    options.prefix = "encoder.";
    const Value h = relu(mlp(net, x, hidden, options));
    return linear(net, fmt::format("encoder.layers.{}", hidden.size()), h, encoding,
                  {.with_bias = false});
  }

  Value decode(Net& net, const std::string& name, Value z, int64_t pixels) const {
    std::vector<int64_t> widths(hidden.rbegin(), hidden.rend());
    widths.push_back(pixels);
    MlpOptions options;
    options.prefix = name + ".";
    return mlp(net, z, widths, options);
  }
  std::string decoder_name(const Setting& s, int64_t part) const {
    return s.separate ? "decoder." + part_name(part) : "decoder";
  }
  std::string certificate_name(int64_t part) const { return "certificate." + part_name(part); }

  void define(Net& net, Value x, const Setting& s) const {
    const int64_t pixels = x.dim(1);
    const Value z = encode(net, x);
    for (int64_t p = 0; p < (s.separate ? parts() : 1); ++p)
      decode(net, decoder_name(s, p), z, pixels);
    for (int64_t p = 0; p < parts(); ++p)
      decode(net, certificate_name(p), part_of(z, p, parts()), pixels);
  }

  static Value absolute_error(Value a, Value b) { return mean(abs(a - b), {1}); }  // [B]
  static Value squared_error(Value a, Value b) { return mean(square(a - b), {1}); }

  // The decoder's error in each row: each row by the decoder of its own part.
  Value decoder_error(Net& net, const Setting& s, Value z, Value x, Value member,
                      Value (*error)(Value, Value)) const {
    if (!s.separate) return error(decode(net, decoder_name(s, 0), z, x.dim(1)), x);
    std::vector<Value> terms;
    for (int64_t p = 0; p < parts(); ++p)
      terms.push_back(error(decode(net, decoder_name(s, p), z, x.dim(1)), x) *
                      reshape(slice(member, 1, p, p + 1), {x.dim(0)}));
    return sum_n(terms);
  }

  // Everything that the encoder and the decoder minimise; certificates come on top.
  Value main_loss(Step& s, Net& net, const Arm& a, Value x, Value z, bool routed) const {
    const Setting& st = a.setting;
    const int64_t rows = s.batch();
    const Value member = s.rows(a.name + ".member");  // [B, parts (+ 1)]: one 1 in each row
    const Value count = reduce_sum(member, {0});
    const Value share = reduce_sum(member / maximum(count, constant(s.graph(), 1)), {1});
    const Value row_weight = share * s.rows(a.name + ".weight");
    const Value seen_z = routed ? route_parts(z, s.rows(a.name + ".route")) : z;
    Value loss = sum(decoder_error(net, st, seen_z, x, member, absolute_error) * row_weight);
    s.graph().result("reconstruction", loss);

    for (int64_t p = 0; p < parts(); ++p) {
      const double weight = l1 * (p == 0 ? st.l1_a : st.l1_b);
      if (weight == 0) continue;
      Value norm = reduce_sum(abs(part_of(z, p, parts())), {1});  // [B]
      if (st.only_a)  // the encoder sees A's rows only
        norm = norm * reshape(slice(member / maximum(count, constant(s.graph(), 1)), 1, 0, 1), {rows});
      else
        norm = norm * (1.0 / static_cast<double>(rows));
      loss = loss + sum(norm) * weight;
    }
    if (correlation * st.correlation > 0 && rows > 1)
      loss = loss + cross_part_correlation(z, parts()) * (correlation * st.correlation);
    return loss;
  }

  void train_step(Step& s, const Arm& a) const {
    Net net = s.net("model");
    const Value x = pixels(s, "all.train"), z = encode(net, x);
    Value loss = main_loss(s, net, a, x, z, a.setting.routed);
    const Value shown = stop_gradient(z);
    for (int64_t p = 0; p < parts(); ++p) {
      const Value guess = decode(net, certificate_name(p), part_of(shown, p, parts()), x.dim(1));
      loss = loss + mean(absolute_error(guess, x)) * certificate;
    }
    s.graph().result("loss", loss);
    apply(Adam{.weight_decay = weight_decay}, net, loss, s.lr());
  }

  // Errors of every test row: decoder and certificates, squared and absolute.
  void test_errors(Step& s, const Arm& a) const {
    Net net = s.net("model");
    const Value x = pixels(s, "all.test"), z = encode(net, x), member = s.rows("test.member");
    s.graph().result("mse.decoder", decoder_error(net, a.setting, z, x, member, squared_error));
    s.graph().result("mae.decoder", decoder_error(net, a.setting, z, x, member, absolute_error));
    for (int64_t p = 0; p < parts(); ++p) {
      const Value guess = decode(net, certificate_name(p), part_of(z, p, parts()), x.dim(1));
      s.graph().result("mse." + part_name(p), squared_error(guess, x));
      s.graph().result("mae." + part_name(p), absolute_error(guess, x));
    }
  }

  // S and the size of the encoding while training; see score() for S.
  void probe_score(Step& s) const {
    Net net = s.net("model");
    const Value x = pixels(s, "all.test"), z = encode(net, x);
    const Value gain = s.rows("test.gain");  // [B, parts]
    std::vector<Value> terms;
    for (int64_t p = 0; p < parts(); ++p) {
      const Value guess = decode(net, certificate_name(p), part_of(z, p, parts()), x.dim(1));
      terms.push_back(sum(squared_error(guess, x) * reshape(slice(gain, 1, p, p + 1), {s.batch()})));
    }
    s.graph().result("score", sum_n(terms));
    s.graph().result("size", mean(abs(z)));
  }

  Value pixels(Step& s, const std::string& subset) const { return flatten(images(s, subset)); }

  // Settings whose reconstructions are shown: routed and unrouted.
  std::vector<int64_t> pictured_settings() const {
    std::vector<int64_t> shown;
    for (const int64_t n : setting)
      if (n == 1 || n == 9) shown.push_back(n);
    return shown;
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_subset(t, "all.train");
    add_subset(t, "all.test");
    add_test_tables(t);
    for (const Arm& a : arm_list()) t.part(a.name, [&] { run_arm(t, a); });
  }

  void run_arm(Trial& t, const Arm& a) const {
    add_training_tables(t, a);
    const Ensemble start = init(t, t.key().fold("init"), [&](Net& net, Value x) {
      define(net, x, a.setting);
    });
    Training p;
    p.name = a.name;
    p.start = &start;
    p.build = [&](Step& s) { train_step(s, a); };
    p.samples = samples(t, "all.train");
    p.batch = batch;
    p.epochs = a.epochs;
    p.order = t.key().fold("order");
    p.lr = [rate = lr](int64_t, int64_t) { return rate; };
    const int64_t per_epoch = (p.samples + batch - 1) / batch;
    p.probe = Probe{[&](Step& s) { probe_score(s); }, samples(t, "all.test"), {}, 0};
    for (const int64_t epoch : curve_epochs(a)) p.probe->at.push_back(epoch * per_epoch);
    const Trained m = t.train(p);
    for (const Probed& seen : m.probed)
      for (const auto& [name, value] : seen.values)
        t.curve(a.name, name, seen.step / per_epoch, value);

    std::map<std::string, double> metrics = test_metrics(t, a, m.model);
    if (a.setting.routed) metrics["forward_unchanged"] = forward_unchanged(t, a, m.model);
    if (a.setting.routed && !a.random_masks && a.labelled == 1 && a.noise == 0)
      metrics["gradient_masked"] = gradient_masked(t, a, m.model);
    t.record(a.name, m, metrics);
    const std::vector<int64_t> pictured = pictured_settings();
    for (int64_t i = 0; i < std::ssize(pictured); ++i)
      if (a.name == arm_name(pictured[i])) show(t, a, m.model, i);
  }

  // Doubling epochs, the placebo's last and the arm's own.
  std::vector<int64_t> curve_epochs(const Arm& a) const {
    std::vector<int64_t> at = {0, placebo_epochs, 3, a.epochs};
    for (int64_t e = 1; e <= a.epochs; e *= 2) at.push_back(e);
    std::ranges::sort(at);
    at.erase(std::unique(at.begin(), at.end()), at.end());
    std::erase_if(at, [&](int64_t e) { return e > a.epochs; });
    return at;
  }

  // --- Data ---

  static int64_t samples(Trial& t, const std::string& subset) {
    return t.tables().at(subset).type.count();
  }
  int64_t test_count(Trial& t) const { return samples(t, "all.test"); }

  // What an arm knows of each training sample: the group whose mean loss it enters ("member"), the
  // weight of its reconstruction, and the masks on its gradient ("route"). The groups are the parts
  // and, where labels are missing, the unlabelled.
  void add_training_tables(Trial& t, const Arm& a) const {
    const int64_t n = samples(t, "all.train"), groups = parts() + (a.labelled < 1);
    std::vector<int64_t> part(n);
    for (int64_t i = 0; i < n; ++i) part[i] = part_of_class(t.data().train.y[i]);
    if (a.random_masks) {
      const std::vector<int32_t> lot =
          permutation(t.key().fold("random masks"), static_cast<int64_t>(n));
      std::vector<int64_t> drawn(n);
      for (int64_t i = 0; i < n; ++i) drawn[i] = part[lot[i]];
      part = drawn;
    }
    Stream wrong(t.key().fold("wrong labels")), missing(t.key().fold("missing labels"));
    std::vector<float> member(n * groups), weight(n), route(n * parts());
    const Setting& s = a.setting;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t other = static_cast<int64_t>(wrong.below(parts() - 1));
      if (wrong.uniform() < a.noise) part[i] = other + (other >= part[i]);
      const bool known = missing.uniform() < a.labelled;
      const int64_t p = part[i];
      member[i * groups + (known ? p : parts())] = 1;
      // Means over parts add up to two, as in the published loss; the unlabelled get their share.
      const double twice = 2.0 / static_cast<double>(parts());
      const bool in_b = split == "halves" && p == 1;
      const double labelled_weight = in_b ? s.weight_b + s.b_through_a : 1;
      weight[i] = static_cast<float>(known ? twice * labelled_weight * a.labelled
                                           : 2 * (1 - a.labelled));
      for (int64_t q = 0; q < parts(); ++q) {
        double mask = !known || q == p;
        if (known && in_b) mask = (q == 1 ? s.weight_b : s.b_through_a) / labelled_weight;
        if (labelled_weight == 0) mask = 0;
        route[i * parts() + q] = static_cast<float>(mask);
      }
    }
    t.add_table(a.name + ".member", std::move(member), {n, groups});
    t.add_table(a.name + ".weight", std::move(weight), {n});
    t.add_table(a.name + ".route", std::move(route), {n, parts()});
  }

  // "test.member": the part of each test sample. "test.gain": what each certificate's error in that
  // row adds to the score; the same weight for every class of a part and every part.
  void add_test_tables(Trial& t) const {
    const int64_t n = test_count(t);
    std::vector<double> of_class(kClasses), classes_of_part(parts());
    for (int64_t i = 0; i < n; ++i) ++of_class[t.data().test.y[i]];
    for (int64_t c = 0; c < kClasses; ++c)
      if (of_class[c] > 0) ++classes_of_part[part_of_class(c)];
    std::vector<float> member(n * parts()), gain(n * parts());
    const auto all = static_cast<double>(parts());
    for (int64_t i = 0; i < n; ++i) {
      const int32_t c = t.data().test.y[i];
      const int64_t p = part_of_class(c);
      member[i * parts() + p] = 1;
      const double w = 1 / (of_class[c] * classes_of_part[p] * all);
      for (int64_t q = 0; q < parts(); ++q)
        gain[i * parts() + q] = static_cast<float>(q == p ? -w : w / (all - 1));
    }
    t.add_table("test.member", std::move(member), {n, parts()});
    t.add_table("test.gain", std::move(gain), {n, parts()});
  }

  // --- Measures ---

  // The unweighted mean over classes of one part (or all) of the mean error of their test samples.
  struct ByClass {
    std::vector<double> error;  // NaN for classes without samples
    double over(auto&& chosen) const {
      double sum = 0, n = 0;
      for (int64_t c = 0; c < kClasses; ++c)
        if (std::isfinite(error[c]) && chosen(c)) sum += error[c], ++n;
      return sum / n;
    }
  };
  ByClass by_class(Trial& t, const std::vector<float>& rows) const {
    std::vector<double> sum(kClasses), n(kClasses);
    for (size_t i = 0; i < rows.size(); ++i) {
      const int32_t c = t.data().test.y[i];
      sum[c] += rows[i];
      ++n[c];
    }
    for (int64_t c = 0; c < kClasses; ++c) sum[c] /= n[c];
    return {sum};
  }

  // Losses by class and by part, and the score: how much better a part's own certificate shows its
  // classes than the others' do. Comparing certificates on the same digits cancels how hard these
  // are. With two halves S = ((A_lo - A_hi) + (B_hi - B_lo)) / 2.
  std::map<std::string, double> test_metrics(Trial& t, const Arm& a, const Ensemble& m) const {
    const Measured r = t.evaluate([&](Step& s) { test_errors(s, a); }, test_count(t),
                                  {{"model", &m}});
    std::map<std::string, double> out;
    std::vector<std::string> readers = {"decoder"};
    for (int64_t p = 0; p < parts(); ++p) readers.push_back(part_name(p));
    for (const std::string error : {"mse", "mae"}) {
      double score = 0;
      for (const std::string& reader : readers) {
        const ByClass losses = by_class(t, r.at(error + "." + reader));
        const std::string key = error == "mse" ? reader : "mae." + reader;
        for (int64_t c = 0; c < kClasses; ++c)
          out[fmt::format("{}.{}", key, c)] = losses.error[c];
        for (int64_t p = 0; p < parts(); ++p) {
          const double loss = losses.over([&](int64_t c) { return part_of_class(c) == p; });
          if (split == "halves") out[key + (p == 0 ? "_hi" : "_lo")] = loss;
          if (reader == "decoder") continue;
          const auto all = static_cast<double>(parts());
          score += (reader == part_name(p) ? -loss : loss / (all - 1)) / all;
        }
        if (reader == "decoder") out[key] = losses.over([](int64_t) { return true; });
      }
      out[error == "mse" ? "score" : "mae.score"] = score;
    }
    return out;
  }

  // G0: 1 if routing leaves every value of the forward pass as it was, to the bit.
  double forward_unchanged(Trial& t, const Arm& a, const Ensemble& m) const {
    const auto forward = [&](bool routed) {
      return t.evaluate(
          [&](Step& s) {
            Net net = s.net("model");
            const Value x = pixels(s, "all.train");
            s.graph().result("total", main_loss(s, net, a, x, encode(net, x), routed));
          },
          std::min(batch, samples(t, "all.train")), {{"model", &m}});
    };
    const Measured with = forward(true), without = forward(false);
    return with == without;
  }

  // G0b: for samples of A alone and without L1 and correlation, the encoder's last layer gets a
  // gradient of exactly 0 for B's units and the unrouted one for A's.
  double gradient_masked(Trial& t, const Arm& a, const Ensemble& m) const {
    if (split != "halves") return kNaN;
    std::vector<int32_t> rows;
    for (int64_t i = 0; i < samples(t, "all.train"); ++i)
      if (part_of_class(t.data().train.y[i]) == 0) rows.push_back(static_cast<int32_t>(i));
    rows.resize(std::min<size_t>(rows.size(), batch));
    if (rows.empty()) return kNaN;
    const auto count = static_cast<int64_t>(rows.size());
    t.add_table("a only.train", std::move(rows), {count});
    const std::string last = fmt::format("encoder.layers.{}.weight", hidden.size());
    const auto gradient = [&](bool routed) {
      return t.evaluate(
          [&](Step& s) {
            Net net = s.net("model");
            const Value x = pixels(s, "a only.train"), z = encode(net, x);
            const Value picked = gather(s.table("a only.train"), s.index());
            const Value seen =
                routed ? route_parts(z, gather(s.table(a.name + ".route"), picked)) : z;
            const Value member = gather(s.table(a.name + ".member"), picked);
            const Value loss = mean(decoder_error(net, a.setting, seen, x, member, absolute_error));
            const Value wrt[] = {net.raw_parameter(last)};
            s.graph().result("gradient", gradients(loss, wrt)[0]);
          },
          count, {{"model", &m}}).at("gradient");
    };
    const std::vector<float> with = gradient(true), without = gradient(false);
    const auto half = static_cast<std::ptrdiff_t>(with.size() / 2);
    return std::equal(with.begin(), with.begin() + half, without.begin()) &&
           std::all_of(with.begin() + half, with.end(), [](float g) { return g == 0; });
  }

  // The first test sample of each class and what decoder and certificates make of it: the samples
  // and the rows of the first pictured setting, then those of the second.
  void show(Trial& t, const Arm& a, const Ensemble& m, int64_t which) const {
    if (t.data().shape.size() != 2) return;
    std::vector<int32_t> first;
    for (int32_t c = 0; c < kClasses; ++c)
      for (int64_t i = 0; i < test_count(t); ++i)
        if (t.data().test.y[i] == c) {
          first.push_back(static_cast<int32_t>(i));
          break;
        }
    const auto count = static_cast<int64_t>(first.size());
    t.add_table("shown.test", std::move(first), {count});
    const Measured r = t.evaluate(
        [&](Step& s) {
          Net net = s.net("model");
          const Value x = pixels(s, "shown.test"), z = encode(net, x);
          s.graph().result("0", x);
          s.graph().result("1", decode(net, decoder_name(a.setting, 0), z, x.dim(1)));
          for (int64_t p = 0; p < parts(); ++p)
            s.graph().result(fmt::format("{}", p + 2), decode(net, certificate_name(p),
                                                              part_of(z, p, parts()), x.dim(1)));
        },
        count, {{"model", &m}});
    const int64_t height = t.data().shape[0], width = t.data().shape[1];
    for (int64_t row = which == 0 ? 0 : 1; row < parts() + 2; ++row) {
      std::vector<float> greys = r.at(fmt::format("{}", row));
      for (float& g : greys) g = (g + 1) / 2;
      const int64_t line = row + which * (parts() + 1);
      for (int64_t i = 0; i < count; ++i)
        t.image("reconstructions", line * kClasses + i, "",
                std::span(greys).subspan(i * height * width, height * width), height, width);
    }
  }

  // --- Figures ---

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> list;
    const std::vector<Arm> all = arm_list();
    const bool halves = split == "halves";
    const std::string a_classes = halves ? list_text(forget) : "its class";
    for (const int64_t n : pictured_settings()) {
      FigureRow f{fmt::format("classes-{}", n),
                  fmt::format("Who can read which class: {}", setting_of(n).label),
                  fmt::format("Mean squared pixel error on test samples, by class. {}",
                              halves ? "Half A is fed by the classes " + a_classes +
                                           ". A certificate is a decoder that sees one half only."
                                     : "The decoder sees the whole encoding."),
                  {}};
      f.spec.kind = "groups";
      f.spec.x_label = "class";
      f.spec.y_label = "squared error";
      std::vector<std::pair<std::string, std::string>> readers = {{"decoder", "decoder"}};
      if (halves) readers.insert(readers.end(), {{"a", "certificate A"}, {"b", "certificate B"}});
      for (int64_t c = 0; c < kClasses; ++c) f.spec.groups.push_back({fmt::format("{}", c), ""});
      for (const auto& [reader, label] : readers) {
        Series s{.label = label, .arm = arm_name(n)};
        for (int64_t c = 0; c < kClasses; ++c)
          s.points.push_back({.metric = fmt::format("{}.{}", reader, c)});
        f.spec.series.push_back(s);
      }
      list.push_back(f);
    }
    if (!pictured_settings().empty() && data != "mnist1d") {
      FigureRow f{"reconstructions", "Samples and what can be read from the encoding",
                  "The first test sample of each class, read by the first seed's networks.", {}};
      f.spec.kind = "images";
      f.spec.columns = kClasses;
      f.spec.row_labels = {"sample"};
      for (const int64_t n : pictured_settings()) {
        f.spec.row_labels.push_back(fmt::format("{}: decoder", setting_of(n).label));
        for (int64_t p = 0; p < parts(); ++p)
          f.spec.row_labels.push_back(fmt::format("{}: {}", setting_of(n).label, part_name(p)));
      }
      list.push_back(f);
    }
    if (halves) {
      FigureRow f{"halves", "What each half's certificate can show",
                  "Squared error by group of classes, mean over classes. A clean split has the "
                  "first and the third bar high, the second and the fourth low.", {}};
      f.spec.kind = "groups";
      f.spec.y_label = "squared error";
      for (const Arm& a : all) f.spec.groups.push_back({a.label, ""});
      const std::string others = "other classes";
      for (const auto& [metric, label] :
           {std::pair<std::string, std::string>{"a_lo", "A reads " + others},
            {"a_hi", "A reads " + a_classes}, {"b_hi", "B reads " + a_classes},
            {"b_lo", "B reads " + others}}) {
        Series s{.label = label, .metric = metric};
        for (const Arm& a : all) s.points.push_back({.arm = a.name});
        f.spec.series.push_back(s);
      }
      list.push_back(f);
    }
    list.push_back(bars("score", "score", "S, how far the encoding is split",
                        "How much better each part's own certificate shows its classes than the "
                        "other parts' certificates do."));
    list.back().spec.level_line = 0;
    list.push_back(bars("tax", "decoder", "squared error of the decoder",
                        "The price: how well the whole encoding still shows a sample."));
    FigureRow growth{"growth", "The split while training", "", {}};
    growth.spec = {.kind = "lines", .metric = "score", .x_label = "epochs", .y_label = "S"};
    growth.spec.level_line = 0;
    list.push_back(growth);
    add_label_figure(list, labelled_arms, "labelled-", labelled, "share of labelled samples");
    add_label_figure(list, noise_arms, "noise-", label_noise, "share of wrong labels");
    return list;
  }

  static std::string list_text(const std::vector<int64_t>& classes) {
    return fmt::format("{}", fmt::join(classes, ", "));
  }

  static FigureRow bars(const char* id, const char* metric, const char* label, const char* caption) {
    FigureRow f{id, label, caption, {}};
    f.title[0] = static_cast<char>(std::toupper(f.title[0]));
    f.spec.metric = metric;
    f.spec.y_label = label;
    return f;
  }

  // Gain and price against the labels that were there, setting 1 included.
  void add_label_figure(std::vector<FigureRow>& list, const std::vector<double>& shares,
                        const std::string& prefix, double usual, const std::string& x_label) const {
    if (shares.empty()) return;
    FigureRow f{prefix + "shares", "Gain and price against the " + x_label,
                "S and the decoder's squared error.", {}};
    f.spec.kind = "lines";
    f.spec.x_label = x_label;
    f.spec.y_label = "S; squared error";
    for (const auto& [metric, label] : {std::pair{"score", "S"}, {"decoder", "decoder's error"}}) {
      Series s{.label = label, .metric = metric};
      for (const double x : shares) s.points.push_back({x, fmt::format("{}{}", prefix, x), ""});
      s.points.push_back({usual, arm_name(1), ""});
      f.spec.series.push_back(s);
    }
    list.push_back(f);
  }

  // --- Claims. Bounds at full size are set around the published means, those of 512-128 networks
  // around runs on seeds from 1,000,000 up; docs/gradient-routing.md has the numbers. ---

  enum class Size { full, middle, other };
  Size size() const {
    const GradientRouting d;
    if (split != d.split || forget != d.forget || l1 != d.l1 || correlation != d.correlation ||
        certificate != d.certificate || lr != d.lr || weight_decay != d.weight_decay ||
        encoding != d.encoding || labelled != 1 || label_noise != 0 || train != d.train ||
        test != d.test)
      return Size::other;
    if (hidden == std::vector<int64_t>{2048, 512} && batch == 2048 && epochs >= 200)
      return Size::full;
    if (hidden == d.hidden && batch == d.batch && epochs == d.epochs) return Size::middle;
    return Size::other;
  }

  // Bounds by size; NaN where none is known.
  struct Bound {
    double full, middle;
  };

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    const Size now = size();
    std::vector<ClaimSpec> list;
    const auto needs = [&](std::vector<std::string> arms) {
      const std::vector<Arm> all = arm_list();
      for (const std::string& name : arms)
        if (std::ranges::find(all, name, &Arm::name) == all.end())
          return fmt::format("{} was not run", name);
      return std::string();
    };
    const auto add = [&](std::string id, std::string text, Claim claim, Bound bound,
                         std::vector<std::string> arms, auto value) {
      ClaimSpec c{std::move(id), std::move(text), claim, value, {}, needs(arms)};
      const double known = now == Size::middle ? bound.middle : bound.full;
      const double other = now == Size::middle ? bound.full : bound.middle;
      const double x = std::isnan(known) ? other : known;  // shown, where it is not judged
      if (c.claim.kind == ClaimKind::band) {
        c.claim.low = -x;
        c.claim.high = x;
      } else {
        c.claim.threshold = x;
      }
      std::string why;
      if (set.name != "mnist")
        why = "bounds are known for MNIST only";
      else if (now == Size::other)
        why = "no bounds are known for these settings";
      else if (std::isnan(known))
        why = now == Size::full ? "no bound is known at this size"
                                : "this preset's networks and epochs are too few";
      if (c.why_not_judged.empty()) c.why_not_judged = why;
      list.push_back(c);
    };
    const auto exact = [&](std::string id, std::string text, std::string metric) {
      ClaimSpec c{std::move(id), std::move(text), {.kind = ClaimKind::exact}, {}, {},
                  needs({arm_name(1)})};
      c.value = [metric](const SeedValues& v) { return v(arm_name(1), metric); };
      if (c.why_not_judged.empty() && metric == "gradient_masked" && split != "halves")
        c.why_not_judged = "stated for two halves";
      list.push_back(c);
    };
    const auto of = [](int64_t number, const char* metric) {
      return [=](const SeedValues& v) { return v(arm_name(number), metric); };
    };
    const auto ratio = [](int64_t number, const char* over, const char* under) {
      return [=](const SeedValues& v) {
        return v(arm_name(number), over) / v(arm_name(number), under);
      };
    };
    const Claim above{.kind = ClaimKind::above}, below{.kind = ClaimKind::below};
    const Claim gap{.kind = ClaimKind::above, .difference = true};
    const Claim band{.kind = ClaimKind::band};
    const std::string s1 = arm_name(1), s9 = arm_name(9), s10 = arm_name(10);

    exact("G0", "Masks leave the forward pass as it was, bit for bit", "forward_unchanged");
    exact("G0b", "Samples of A's classes give B's units a gradient of exactly zero, and A's units "
          "the unrouted one", "gradient_masked");
    add("G1a", "Routing: what is missing from A cannot be read from it; A's loss on the other "
        "classes", above, {0.26, 0.24}, {s1}, of(1, "a_lo"));
    add("G1b", "Routing: A keeps its own classes; its loss on them", below, {0.11, 0.19}, {s1},
        of(1, "a_hi"));
    add("G1c", "Routing: A's loss on other classes over that on its own", above, {2.5, 1.4}, {s1},
        ratio(1, "a_lo", "a_hi"));
    add("G1d", "Routing: B's loss on A's classes over that on its own", above, {2.5, 1.4}, {s1},
        ratio(1, "b_hi", "b_lo"));
    add("G1e", "Routing splits the encoding: S", above, {0.15, 0.08}, {s1}, of(1, "score"));
    add("G1f", "The split grows: S at the end minus S after 4 epochs", gap, {kNaN, 0}, {s1},
        [=](const SeedValues& v) { return v(s1, "score") - v.at_step(4, s1, "score"); });
    add("G2", "The decoder still works: its loss on all classes", below, {0.10, 0.13}, {s1},
        of(1, "decoder"));
    add("G3", "A decoder for each half splits no worse: A's ratio", above, {2.5, 1.4},
        {arm_name(2)}, ratio(2, "a_lo", "a_hi"));
    add("G4a", "The correlation penalty is not needed: A's ratio without it", above, {1.8, 1.2},
        {arm_name(3)}, ratio(3, "a_lo", "a_hi"));
    add("G4b", "The correlation penalty helps: A's ratio with it minus without", gap, {0, 0},
        {s1, arm_name(3)}, [=](const SeedValues& v) {
          return v(s1, "a_lo") / v(s1, "a_hi") -
                 v(arm_name(3), "a_lo") / v(arm_name(3), "a_hi");
        });
    add("G5a", "Without L1 a shared decoder fails: A's loss on its own classes", above,
        {0.25, 0.2}, {arm_name(4)}, of(4, "a_hi"));
    add("G5b", "Without L1 a shared decoder lets encodings grow: mean size at the end over that "
        "after 3 epochs", above, {10, 10}, {arm_name(4)}, [end = epochs](const SeedValues& v) {
          return v.at_step(end, arm_name(4), "size") / v.at_step(3, arm_name(4), "size");
        });
    add("G6", "Masks without regularisation do not split: A's loss on the other classes", below,
        {0.13, 0.15}, {arm_name(5)}, of(5, "a_lo"));
    add("G7", "Routing only A's classes still splits: A's ratio", above, {1.4, kNaN}, {arm_name(6)},
        ratio(6, "a_lo", "a_hi"));
    add("G8", "L1 and no other classes in training hide them too: A's ratio", above, {1.8, kNaN},
        {arm_name(7)}, ratio(7, "a_lo", "a_hi"));
    add("G9", "Features for unseen classes come for free: A's loss on classes that encoder and "
        "decoder never saw", below, {0.12, 0.15}, {arm_name(8)}, of(8, "a_lo"));
    add("G10", "Regularisation alone does not split: S without masks", band, {0.03, 0.05}, {s9},
        of(9, "score"));
    add("G11", "A plain autoencoder does not split: S", band, {0.03, 0.02}, {s10}, of(10, "score"));
    add("G12", "Runs differ little: A's loss on other classes minus the published 0.32", band,
        {0.02, kNaN}, {s1}, [=](const SeedValues& v) { return v(s1, "a_lo") - 0.32; });
    add("P1", "It is the labels: S with masks drawn by lot", band, {0.02, 0.02}, {"random-masks"},
        [=](const SeedValues& v) { return v("random-masks", "score"); });
    add("P2", "Routing beats no masks: S of setting 1 minus S of setting 9", gap, {0.05, 0.04},
        {s1, s9}, [=](const SeedValues& v) { return v(s1, "score") - v(s9, "score"); });
    add("T1", "The price: the decoder's loss minus that of a plain autoencoder", below,
        {0.05, 0.06}, {s1, s10},
        [=](const SeedValues& v) { return v(s1, "decoder") - v(s10, "decoder"); });
    return list;
  }
};

}  // namespace

Experiment gradient_routing() {
  Experiment e;
  e.name = "gradient-routing";
  e.title = "Gradient routing: an autoencoder split by masks on its gradient";
  e.texts = {
      .question = "Can gradients be sent so that digits 5-9 live in one half of an autoencoder's "
                  "encoding and digits 0-4 in the other, so that one half can be thrown away?",
      .source = "Cloud, Goldman-Wetzler, Wybitul, Miller & Turner 2024, Gradient Routing: Masking "
                "Gradients to Localize Computation in Neural Networks (arXiv:2410.04332), section "
                "4.1 and appendices A and B",
      .method = "An encoder turns each image into 32 numbers, half A and half B, and a decoder turns "
                "them back. The forward pass is ordinary. In the backward pass the gradient of the "
                "reconstruction reaches the encoder through half A only for digits 5-9, through "
                "half B only for digits 0-4. An L1 term on both halves shrinks what is not needed, "
                "and a small penalty on correlations keeps the halves from repeating each other.\n\n"
                "Two further decoders, the certificates, are trained on all digits, each from one "
                "half, without influence on the encoder: what they cannot show is not in their "
                "half. Losses are mean squared pixel errors on test images with pixels in [-1, 1] "
                "(training minimises the absolute error). S is how much better a half's own "
                "certificate shows its digits than the other half's does, mean over both groups.",
      .structure = "Labels that say which data are to be forgettable, a mask on the activations' "
                   "gradient by these labels, and pressure (L1) to drop what a half does not need.",
      .controls = "Setting 9 has everything but the masks, setting 10 is a plain autoencoder. The "
                  "placebo has masks that are drawn by lot, as many of each kind; to be cheap it is "
                  "trained for a few epochs and compared at the same step. Settings 4 and 5 drop "
                  "the regularisers, 7 and 8 the masks and half of the data.",
      .translation = "Routing by token or document into a block of units of a language model that "
                     "is ablated after training (Expand, Route, Ablate).",
      .expected_failure = "Without L1 the split fails: a shared decoder makes encodings grow without "
                          "end, separate decoders let both halves keep everything. With few or "
                          "narrow layers and strong L1 everything collapses to a constant image: "
                          "high loss on both groups is failure, not splitting.",
      .costs = "The decoder's own loss beside that of a plain autoencoder, and the split with fewer "
               "or wrong labels.",
      .limits = "A certificate is a trained network: what it cannot show a stronger one might. The "
                "published table is compared at full size only; smaller networks trained for fewer "
                "epochs split less."};
  e.metric = "a_lo";
  e.metric_label = "A's certificate on the other classes";
  const std::string all = "1-10", shares = "0.03,0.1,0.3", noises = "0.05,0.2";
  e.presets = {
      {"quick", "settings 1, 9 and 10 on 512-128 networks, 20 epochs in batches of 512 (published: "
                "2048-512, 200 epochs, 2048)", {}, 3},
      {"middle", "all ten settings, label shares and label noise on 512-128 networks, 20 epochs",
       {{"setting", all}, {"labelled_arms", shares}, {"noise_arms", noises},
        {"placebo_epochs", "20"}}, 5},
      {"paper", "as published: 2048-512, 200 epochs, batch 2048, 20 runs of each setting; for a GPU",
       {{"setting", all}, {"hidden", "2048,512"}, {"batch", "2048"}, {"epochs", "200"},
        {"placebo_epochs", "200"}}, 20},
      {"smoke", "seconds: a look at the machinery, nothing is judged",
       {{"setting", "1,9"}, {"train", "4000"}, {"test", "1000"}, {"hidden", "64,32"},
        {"epochs", "4"}, {"placebo_epochs", "2"}}, 2}};
  e.settings = settings_of<GradientRouting>();
  return e;
}

}  // namespace omni
