// Gradient routing: an autoencoder split by masks on its gradient. The question, the design and all
// words: gradient_routing.md.
#include "experiments/catalogue.h"
#include "lab/epochs.h"
#include "nn/routing.h"
#include "ops/gradients.h"
#include "ops/route.h"
#include "studies/authoring.h"
#include "studies/by_class.h"
#include "studies/routing_study.h"

namespace omni {
namespace {

constexpr int64_t kClasses = 10;

// One row of the published table. A is the part that the classes of `forget` are routed to (the
// paper's digits 5-9), B the other one.
struct Setting {
  bool routed = true, separate = false;  // masks; one decoder per part
  double l1_a = 1, l1_b = 1;             // times the option l1
  double correlation = 1;                // times the option correlation
  double weight_b = 1;                   // of the reconstruction of B's classes
  double b_through_a = 0;                // of their second reconstruction, which teaches A
  bool only_a = false;                   // encoder and decoder see A's classes only
};
constexpr Setting kSettings[] = {
    {},
    {.separate = true},
    {.correlation = 0},
    {.l1_a = 0, .l1_b = 0, .correlation = 0},
    {.separate = true, .l1_a = 0, .l1_b = 0, .correlation = 0},
    {.l1_a = 20.0 / 3, .b_through_a = 1},
    {.routed = false,
     .l1_a = 1.0 / 3,
     .l1_b = 1.0 / 3,
     .correlation = 0,
     .weight_b = 0,
     .only_a = true},
    {.routed = false, .l1_a = 0, .l1_b = 0, .correlation = 0, .weight_b = 0, .only_a = true},
    {.routed = false},
    {.routed = false, .l1_a = 0, .l1_b = 0, .correlation = 0}};

// A setting with a share and an error rate of labels.
struct Arm {
  std::string name;
  Setting setting;
  LabelFaults labels;
  bool at_random;
  int64_t epochs;
};

Value absolute_error(Value a, Value b) { return mean(abs(a - b), {1}); }  // [B]
Value squared_error(Value a, Value b) { return mean(square(a - b), {1}); }
Value column(Value v, int64_t i) { return reshape(slice(v, 1, i, i + 1), {v.dim(0)}); }
std::string arm_of(int64_t setting) { return fmt::format("setting-{}", setting); }

struct GradientRouting : ImageData, MirrorCoder, LabelFaults {
  std::vector<int64_t> setting = {1, 9, 10}, forget = {5, 6, 7, 8, 9};
  std::string split = "halves";
  int64_t encoding = 32, epochs = 20, batch = 512, placebo_epochs = 4;
  double l1 = 0.003, correlation = 0.1, certificate = 1, lr = 0.001, weight_decay = 0.00005;
  std::vector<double> labelled_arms, noise_arms;

  void visit(auto&& option) {
    ImageData::visit(option.only("data"));
    option("train", train, between(10, 60000));
    option("test", test, between(10, 10000));
    option("setting", setting, between(1, 10), harmless("each is an arm, and claims name theirs"));
    option("split", split, one_of({"halves", "classes"}));
    option("forget", forget, between(0, 9), used_if(split == "halves", "split=halves"));
    MirrorCoder::visit(option);
    option("encoding", encoding, between(2, 4096));
    const auto used_in = [&](double Setting::*weight) {
      const auto has = [&](const Arm& a) { return a.setting.*weight > 0; };
      return used_if(std::ranges::any_of(all_arms(), has), "setting=1");
    };
    option("l1", l1, between(0, 100), used_in(&Setting::l1_a));
    option("correlation", correlation, between(0, 1000), used_in(&Setting::correlation));
    option("certificate", certificate, between(0.000001, 1000));
    LabelFaults::visit(option);
    const Harmless apart = harmless("arms of their own, of which no claim speaks");
    option("labelled_arms", labelled_arms, between(0, 1), apart);
    option("noise_arms", noise_arms, between(0, 1), apart);
    option("epochs", epochs, between(1, 10000));
    option("placebo_epochs", placebo_epochs, between(0, 10000),
           harmless("a placebo is compared with no other number of epochs"));
    option("batch", batch, between(2, 60000));
    option("lr", lr, between(0, 10));
    option("weight_decay", weight_decay, between(0, 10));
  }

  void check() const {
    require(forget.size() < kClasses, "'forget' must name some classes and leave some");
    require(encoding % parts() == 0,
            "encoding={}: split={} cuts it into {} parts; take a multiple of that, such as "
            "encoding={}",
            encoding, split, parts(), std::max<int64_t>(1, encoding / parts()) * parts());
    require((labelled_arms.empty() && noise_arms.empty()) || std::ranges::count(setting, 1) > 0,
            "labelled_arms, noise_arms: they are further arms of setting 1; add it to setting");
    require(placebo_epochs <= epochs, "'placebo_epochs' must be at most 'epochs'");
    for (const int64_t n : setting)
      require(split == "halves" || n == 1 || n == 3 || n == 4 || n >= 9,
              "split=classes knows the settings 1, 3, 4, 9 and 10, not {}", n);
  }

  // --- Parts and arms ---

  int64_t parts() const { return split == "halves" ? 2 : kClasses; }
  int64_t part_of_class(int64_t c) const {
    return split == "halves" ? std::ranges::count(forget, c) == 0 : c;
  }
  std::string part_name(int64_t p) const {
    return split == "classes" ? fmt::format("{}", p) : p == 0 ? "a" : "b";
  }

  std::vector<Arm> all_arms() const {
    std::vector<Arm> list;
    for (const int64_t n : setting)
      list.push_back({arm_of(n), kSettings[n - 1], *this, false, epochs});
    if (placebo_epochs > 0) list.push_back({"random-masks", {}, {}, true, placebo_epochs});
    for (const double x : labelled_arms)
      list.push_back({fmt::format("labelled-{}", x), {}, {.labelled = x}, false, epochs});
    for (const double x : noise_arms)
      list.push_back({fmt::format("noise-{}", x), {}, {.label_noise = x}, false, epochs});
    return list;
  }

  // --- Graphs ---

  Value encode(Net& net, Value x) const { return encoder(net, x, encoding, {.with_bias = false}); }
  Value decode(Net& net, const Setting& s, int64_t part, Value z, Value like) const {
    return decoder(net, s.separate ? "decoder." + part_name(part) : "decoder", z, like.dim(1));
  }
  // What can be read from one part.
  Value guess(Net& net, int64_t part, Value z, Value like) const {
    return decoder(net, "certificate." + part_name(part), part_of(z, part, parts()), like.dim(1));
  }

  // The decoder's error in each row: each row by the decoder of its own part.
  Value decoder_error(Net& net, const Setting& s, Value z, Value x, Value member,
                      auto error) const {
    if (!s.separate) return error(decode(net, s, 0, z, x), x);
    std::vector<Value> terms;
    for (int64_t p = 0; p < parts(); ++p)
      terms.push_back(error(decode(net, s, p, z, x), x) * column(member, p));
    return sum_n(terms);
  }

  // By the part that each sample is said to be of, its weight or masks; see add_masks().
  static Value told(Step& s, const Arm& a, const char* what) {
    return gather(s.table(a.name + what), s.samples(a.name));
  }

  // Everything that the encoder and the decoder minimise; certificates come on top.
  Value main_loss(Step& s, Net& net, const Arm& a, Value x, Value z, bool masked) const {
    const Setting& st = a.setting;
    const Value member = one_hot(s.samples(a.name), parts() + 1);
    const Value mine = member / maximum(reduce_sum(member, {0}), constant(s.graph(), 1));
    const Value seen = masked ? route_parts(z, told(s, a, ".route")) : z;
    Value loss = sum(decoder_error(net, st, seen, x, member, absolute_error) *
                     (reduce_sum(mine, {1}) * told(s, a, ".weight")));
    for (int64_t p = 0; p < parts(); ++p) {
      const double pull = l1 * (p == 0 ? st.l1_a : st.l1_b);
      if (pull == 0) continue;
      const Value norm = reduce_sum(abs(part_of(z, p, parts())), {1});  // [B]
      // Where the encoder sees A's rows only they alone are penalised.
      loss = loss + sum(st.only_a ? norm * column(mine, 0) : norm * (1.0 / s.batch())) * pull;
    }
    if (correlation * st.correlation > 0 && s.batch() > 1)
      loss = loss + cross_part_correlation(z, parts()) * (correlation * st.correlation);
    return loss;
  }

  Value loss(Step& s, Net& net, const Arm& a) const {
    const Value x = pixels(s), z = encode(net, x), shown = stop_gradient(z);
    Value total = main_loss(s, net, a, x, z, a.setting.routed);
    for (int64_t p = 0; p < parts(); ++p)
      total = total + mean(absolute_error(guess(net, p, shown, x), x)) * certificate;
    return total;
  }

  // Errors of every test row: decoder and certificates, squared and absolute.
  void test_errors(Step& s, const Arm& a) const {
    Net net = s.net("model");
    const Value x = pixels(s), z = encode(net, x);
    const Value member = gather(s.table("member"), labels(s));
    for (const auto& [name, error] : {std::pair{"mse", &squared_error}, {"mae", &absolute_error}}) {
      const auto give = [&](const std::string& of, Value v) {
        s.graph().result(fmt::format("{}.{}", name, of), v);
      };
      give("decoder", decoder_error(net, a.setting, z, x, member, error));
      for (int64_t p = 0; p < parts(); ++p) give(part_name(p), error(guess(net, p, z, x), x));
    }
  }

  // S and the size of the encoding while training; see test_metrics() for S.
  void probe_score(Step& s) const {
    Net net = s.net("model");
    const Value x = pixels(s), z = encode(net, x);
    const Value gain = gather(s.table("gain"), labels(s));  // [B, parts]
    std::vector<Value> terms;
    for (int64_t p = 0; p < parts(); ++p)
      terms.push_back(sum(squared_error(guess(net, p, z, x), x) * column(gain, p)));
    s.graph().result("score", sum_n(terms));
    s.graph().result("size", mean(abs(z)));
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_all(t);
    add_classes(t);
    for (const Arm& a : all_arms()) t.part(a.name, [&] { run_arm(t, a); });
  }

  // Of each class, "member": its part. "gain": what each part's certificate's error in one of its
  // test rows adds to the score; the same weight for every class of a part and every part.
  void add_classes(Trial& t) const {
    std::vector<double> rows(kClasses), classes_of_part(parts());
    for (const int32_t c : labels_of(t, "all.test"))
      if (rows[c]++ == 0) ++classes_of_part[part_of_class(c)];
    std::vector<float> member, gain;
    for (int64_t c = 0; c < kClasses; ++c) {
      const double w = 1 / (rows[c] * classes_of_part[part_of_class(c)] * parts());
      for (int64_t p = 0; p < parts(); ++p) {
        member.push_back(p == part_of_class(c));
        gain.push_back(member.back() > 0 ? -w : w / (parts() - 1));
      }
    }
    t.add_table("member", member, {kClasses, parts()});
    t.add_table("gain", gain, {kClasses, parts()});
  }

  // What an arm is told of each sample, and by what is told the weight of a reconstruction and the
  // masks on its gradient. Means over parts add up to two, as in the published loss; the unlabelled
  // get their share.
  void add_masks(Trial& t, const Arm& a) const {
    const double share = a.labels.labelled;
    std::vector<float> weight, route;
    for (int64_t p = 0; p <= parts(); ++p) {
      const bool known = p < parts(), in_b = split == "halves" && p == 1;
      const double of_b = in_b ? a.setting.weight_b + a.setting.b_through_a : 1;
      weight.push_back(known ? 2.0 / parts() * of_b * share : 2 * (1 - share));
      for (int64_t q = 0; q < parts(); ++q) {
        double mask = !known || q == p;
        if (in_b) mask = (q == 1 ? a.setting.weight_b : a.setting.b_through_a) / of_b;
        route.push_back(of_b == 0 ? 0 : mask);
      }
    }
    const auto part = [&](int32_t label) { return part_of_class(label); };
    a.labels.tell(t, a.name, parts(), part, a.at_random);
    t.add_table(a.name + ".weight", weight, {parts() + 1});
    t.add_table(a.name + ".route", route, {parts() + 1, parts()});
  }

  void run_arm(Trial& t, const Arm& a) const {
    add_masks(t, a);
    const Trained start = init(t, t.key().fold("init"), [&](Net& net, Value x) {
      const Value z = encode(net, x);
      for (int64_t p = 0; p < (a.setting.separate ? parts() : 1); ++p)
        decode(net, a.setting, p, z, x);
      for (int64_t p = 0; p < parts(); ++p) guess(net, p, z, x);
    });
    Training how{.on = "all.train",
                 .batch = batch,
                 .epochs = a.epochs,
                 .lr = lr,
                 .key = t.key(),
                 .optimizer = Adam{.weight_decay = weight_decay}};
    std::vector<int64_t> shown = doublings(a.epochs);
    shown.insert(shown.end(), {0, placebo_epochs, 3});
    look_after_epochs(t, how, "all.test", shown, [&](Step& s) { probe_score(s); });
    const Trained m =
        t.train(a.name, start, how, [&](Step& s, Net& net) { return loss(s, net, a); });
    epoch_curves(t, a.name, m, how);
    auto metrics = test_metrics(t, a, m);
    if (a.setting.routed)
      metrics["forward_unchanged"] =
          unchanged_by(t, m, "all.train", batch, [&](Step& s, Net& net, bool masked) {
            const Value x = pixels(s);
            return main_loss(s, net, a, x, encode(net, x), masked);
          });
    if (a.setting.routed && !a.at_random && a.labels == LabelFaults{} && split == "halves")
      metrics["gradient_masked"] = gradient_masked(t, a, m);
    t.record(a.name, m, metrics);
    if (a.name == arm_of(1) || a.name == arm_of(9)) show(t, a, m);
  }

  // --- Measures ---

  // Losses by class and by part, and the score: how much better a part's own certificate shows its
  // classes than the others' do. Comparing certificates on the same digits cancels how hard these
  // are. With two halves S = ((A_lo - A_hi) + (B_hi - B_lo)) / 2.
  std::map<std::string, double> test_metrics(Trial& t, const Arm& a, const Trained& m) const {
    const Measured r = t.evaluate("all.test", {{"model", &m}}, [&](Step& s) { test_errors(s, a); });
    std::map<std::string, double> out;
    for (const auto& [result, rows] : r) {
      const bool squared = result.starts_with("mse.");
      const std::string reader = result.substr(4), key = squared ? reader : result;
      const ByClass losses(labels_of(t, "all.test"), rows);
      for (int64_t c = 0; c < kClasses; ++c) out[fmt::format("{}.{}", key, c)] = losses[c];
      double& score = out[squared ? "score" : "mae.score"];
      for (int64_t p = 0; p < parts(); ++p) {
        const double loss = losses.mean([&](int64_t c) { return part_of_class(c) == p; });
        if (split == "halves") out[key + (p == 0 ? "_hi" : "_lo")] = loss;
        if (reader != "decoder")
          score += (reader == part_name(p) ? -loss : loss / (parts() - 1)) / parts();
      }
      if (reader == "decoder") out[key] = losses.mean([](int64_t) { return true; });
    }
    return out;
  }

  // G0b: for samples of A alone and without L1 and correlation, the encoder's last layer gets a
  // gradient of exactly 0 for B's units and the unrouted one for A's.
  double gradient_masked(Trial& t, const Arm& a, const Trained& m) const {
    const auto in_a = [&](int32_t label) { return part_of_class(label) == 0; };
    const auto rows = rows_where(labels_of(t, "all.train"), in_a, batch);
    if (rows.empty()) return kNaN;
    t.add_subset("a only.train", rows);
    const std::string last = fmt::format("encoder.layers.{}.weight", hidden.size());
    const auto gradient = [&](bool masked) {
      const auto of_last = [&](Step& s) {
        Net net = s.net("model");
        const Value x = pixels(s), z = encode(net, x),
                    member = one_hot(s.samples(a.name), parts() + 1);
        const Value seen = masked ? route_parts(z, told(s, a, ".route")) : z;
        const Value loss = mean(decoder_error(net, a.setting, seen, x, member, absolute_error));
        s.graph().result("gradient", gradients(loss, std::array{net.raw_parameter(last)})[0]);
      };
      return t.evaluate("a only.train", {{"model", &m}}, of_last).at("gradient");
    };
    const auto with = gradient(true), without = gradient(false);
    const auto half = with.begin() + with.size() / 2;
    return std::equal(with.begin(), half, without.begin()) &&
           std::all_of(half, with.end(), [](float g) { return g == 0; });
  }

  // The first test sample of each class and what decoder and certificates make of it: the samples
  // and the rows of setting 1, then those of setting 9.
  void show(Trial& t, const Arm& a, const Trained& m) const {
    const auto labels = labels_of(t, "all.test");
    std::vector<int32_t> first;
    for (int32_t c = 0; c < kClasses; ++c)
      if (const auto at = std::ranges::find(labels, c); at != labels.end())
        first.push_back(at - labels.begin());
    t.add_subset("shown.test", first);
    const Measured r = t.evaluate("shown.test", {{"model", &m}}, [&](Step& s) {
      Net net = s.net("model");
      const Value x = pixels(s), z = encode(net, x);
      std::vector<Value> rows = {x, decode(net, a.setting, 0, z, x)};
      for (int64_t p = 0; p < parts(); ++p) rows.push_back(guess(net, p, z, x));
      for (size_t i = 0; i < rows.size(); ++i)
        s.graph().result(fmt::format("{}", i), rows[i] * 0.5 + 0.5);
    });
    const bool second = a.name == arm_of(9) && std::ranges::count(setting, 1) > 0;
    for (int64_t row = second; row < parts() + 2; ++row)
      pictures(t, "reconstructions", (row + second * (parts() + 1)) * kClasses,
               r.at(fmt::format("{}", row)));
  }

  // --- Claims. Bounds at full size are set around the published means, those of 512-128 networks
  // around runs on seeds from 1,000,000 up; gradient_routing.md has the numbers. ---

  void claims(Claims& claim) const {
    const auto a_lo = [](int64_t n) { return of(arm_of(n), "a_lo"); };
    const auto a_hi = [](int64_t n) { return of(arm_of(n), "a_hi"); };
    const auto ratio = [&](int64_t n) { return a_lo(n) / a_hi(n); };
    const auto score = [](int64_t n) { return of(arm_of(n), "score"); };
    const auto bound = [full = claim.setting() == 1](double at_full, double at_middle) {
      return full ? at_full : at_middle;
    };
    const Claims fact = claim.at_any(), full = claim.calibrated({kFull});

    fact("G0", always(of("setting-1", "forward_unchanged") == 1));
    fact("G0b", always(of("setting-1", "gradient_masked") == 1));
    claim("G1a", a_lo(1) > bound(0.26, 0.24));
    claim("G1b", a_hi(1) < bound(0.11, 0.19));
    claim("G1c", ratio(1) > bound(2.5, 1.4));
    claim("G1d", of("setting-1", "b_hi") / of("setting-1", "b_lo") > bound(2.5, 1.4));
    claim("G1e", score(1) > bound(0.15, 0.08));
    claim.calibrated({""})("G1f", score(1) > score(1).after(4));
    claim("G2", of("setting-1", "decoder") < bound(0.10, 0.13));
    claim("G3", ratio(2) > bound(2.5, 1.4));
    claim("G4a", ratio(3) > bound(1.8, 1.2));
    claim("G4b", ratio(1) > ratio(3));
    claim("G5a", a_hi(4) > bound(0.25, 0.2));
    const Term size = of("setting-4", "size");
    claim.needs("setting=4")("G5b", size.after(epochs) / size.after(3) > 10);
    claim("G6", a_lo(5) < bound(0.13, 0.15));
    full("G7", ratio(6) > 1.4);
    full("G8", ratio(7) > 1.8);
    claim("G9", a_lo(8) < bound(0.12, 0.15));
    claim("G10", near(score(9), 0, bound(0.03, 0.05)));
    claim("G11", near(score(10), 0, bound(0.03, 0.02)));
    full("G12", near(a_lo(1) - 0.32, 0, 0.02));
    claim("P1", near(of("random-masks", "score"), 0, 0.02));
    claim("P2", score(1) - score(9) > bound(0.05, 0.04));
    claim("T1", of("setting-1", "decoder") - of("setting-10", "decoder") < bound(0.05, 0.06));
  }

  // --- Figures ---

  void figures(Figures& figure) const {
    std::vector<std::string> rows = {"sample"};
    for (const auto& [n, label] : {std::pair{1, "routing"}, {9, "unrouted"}}) {
      if (std::ranges::count(setting, n) == 0) continue;
      FigureBuilder f = figure.groups(fmt::format("classes-{}", n));
      f.metrics("decoder", arm_of(n), "decoder.*");
      if (split == "halves")
        f.metrics("certificate A", arm_of(n), "a.*").metrics("certificate B", arm_of(n), "b.*");
      rows.push_back(fmt::format("{}: decoder", label));
      for (int64_t p = 0; p < parts(); ++p)
        rows.push_back(fmt::format("{}: {}", label, part_name(p)));
    }
    figure.images("reconstructions", kClasses).rows(rows);
    if (split == "halves") figure.by_arm("halves", {"a_lo", "a_hi", "b_hi", "b_lo"});
    figure.bars("score").level(0);
    figure.bars("tax", "decoder");
    figure.lines("growth", "score").level(0);
    // Gain and price against the labels that were there, setting 1 included.
    figure.lines("labelled-shares").over("labelled-*", {"score", "decoder"}, labelled, "setting-1");
    figure.lines("noise-shares").over("noise-*", {"score", "decoder"}, label_noise, "setting-1");
  }

  static constexpr const char* kFull = "hidden=2048,512 batch=2048 epochs>=200";
};

}  // namespace

Experiment gradient_routing() {
  return experiment<GradientRouting>(
      {.name = "gradient-routing",
       .metric = "a_lo",
       .primary = {"G1e"},
       .judged_on = "mnist",
       .calibrated = {"", GradientRouting::kFull},
       .presets = {
           {"quick", 3},
           {"middle", 5,
            "setting=1-10 labelled_arms=0.03,0.1,0.3 noise_arms=0.05,0.2 placebo_epochs=20"},
           {"paper", 20, "setting=1-10 hidden=2048,512 batch=2048 epochs=200 placebo_epochs=200"},
           {"smoke", 2,
            "setting=1,9 train=4000 test=1000 hidden=64,32 epochs=4 placebo_epochs=2"}}});
}

}  // namespace omni
