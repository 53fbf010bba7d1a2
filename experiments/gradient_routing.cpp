// Question  Can gradients be sent so that digits 5-9 live in one half of an autoencoder's encoding
//           and digits 0-4 in the other?
// Design    One autoencoder, one mask on the gradient that reaches the encoding: each digit teaches
//           the encoder through its own half only. Certificate decoders then try to read digits
//           from either half.
// Expect    A half shows its own digits well and the others hardly better than a constant image.
//           Without masks, or without the L1 term, both halves show everything.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.1 and appendices A and B
#include "experiments/gradient_routing.h"

#include <algorithm>
#include <cmath>

#include "nn/layers.h"
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

Value absolute_error(Value a, Value b) { return mean(abs(a - b), {1}); }  // [B]
Value squared_error(Value a, Value b) { return mean(square(a - b), {1}); }

int64_t samples(Trial& t, const std::string& subset) {
  return t.tables().at(subset).type.count();
}
int64_t test_count(Trial& t) { return samples(t, "all.test"); }

// The unweighted mean over classes of one part (or all) of the mean error of their test samples.
struct ByClass {
  std::vector<double> error;  // NaN for classes without samples
  double over(auto&& chosen) const {
    double sum = 0, n = 0;
    for (int64_t c = 0; c < GradientRouting::kClasses; ++c)
      if (std::isfinite(error[c]) && chosen(c)) sum += error[c], ++n;
    return sum / n;
  }
};
ByClass by_class(Trial& t, const std::vector<float>& rows) {
  std::vector<double> sum(GradientRouting::kClasses), n(GradientRouting::kClasses);
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t c = t.data().test.y[i];
    sum[c] += rows[i];
    ++n[c];
  }
  for (int64_t c = 0; c < GradientRouting::kClasses; ++c) sum[c] /= n[c];
  return {sum};
}

}  // namespace

void GradientRouting::check() const {
  ImageTask::check();
  require(!setting.empty() && !hidden.empty(), "'setting' and 'hidden' need at least one value");
  require(!forget.empty() && forget.size() < kClasses,
          "'forget' must name some classes and leave some");
  require(encoding % parts() == 0,
          "encoding={}: split={} cuts it into {} parts; take a multiple "
          "of that, such as encoding={}",
          encoding, split, parts(), std::max<int64_t>(1, encoding / parts()) * parts());
  require((labelled_arms.empty() && noise_arms.empty()) || std::ranges::count(setting, 1) > 0,
          "labelled_arms, noise_arms: they are further arms of setting 1, which setting={} leaves "
          "out; add it",
          fmt::join(setting, ","));
  require(placebo_epochs <= epochs, "'placebo_epochs' must be at most 'epochs'");
  if (split == "classes")
    for (const int64_t n : setting)
      require(n == 1 || n == 3 || n == 4 || n == 9 || n == 10,
              "split=classes knows the settings 1, 3, 4, 9 and 10, not {}", n);
}

// --- Graphs ---

// [B, pixels] -> [B, encoding], no bias at the end.
Value GradientRouting::encode(Net& net, Value x) const {
  MlpOptions options;
  options.prefix = "encoder.";
  const Value h = relu(mlp(net, x, hidden, options));
  return linear(net, fmt::format("encoder.layers.{}", hidden.size()), h, encoding,
                {.with_bias = false});
}

Value GradientRouting::decode(Net& net, const std::string& name, Value z, int64_t pixels) const {
  std::vector<int64_t> widths(hidden.rbegin(), hidden.rend());
  widths.push_back(pixels);
  MlpOptions options;
  options.prefix = name + ".";
  return mlp(net, z, widths, options);
}
std::string GradientRouting::decoder_name(const Setting& s, int64_t part) const {
  return s.separate ? "decoder." + part_name(part) : "decoder";
}
std::string GradientRouting::certificate_name(int64_t part) const {
  return "certificate." + part_name(part);
}

void GradientRouting::define(Net& net, Value x, const Setting& s) const {
  const int64_t pixels = x.dim(1);
  const Value z = encode(net, x);
  for (int64_t p = 0; p < (s.separate ? parts() : 1); ++p)
    decode(net, decoder_name(s, p), z, pixels);
  for (int64_t p = 0; p < parts(); ++p)
    decode(net, certificate_name(p), part_of(z, p, parts()), pixels);
}

// The decoder's error in each row: each row by the decoder of its own part.
Value GradientRouting::decoder_error(Net& net, const Setting& s, Value z, Value x, Value member,
                                     Value (*error)(Value, Value)) const {
  if (!s.separate) return error(decode(net, decoder_name(s, 0), z, x.dim(1)), x);
  std::vector<Value> terms;
  for (int64_t p = 0; p < parts(); ++p)
    terms.push_back(error(decode(net, decoder_name(s, p), z, x.dim(1)), x) *
                    reshape(slice(member, 1, p, p + 1), {x.dim(0)}));
  return sum_n(terms);
}

// Everything that the encoder and the decoder minimise; certificates come on top.
Value GradientRouting::main_loss(Step& s, Net& net, const Arm& a, Value x, Value z,
                                 bool routed) const {
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
      norm =
          norm * reshape(slice(member / maximum(count, constant(s.graph(), 1)), 1, 0, 1), {rows});
    else
      norm = norm * (1.0 / static_cast<double>(rows));
    loss = loss + sum(norm) * weight;
  }
  if (correlation * st.correlation > 0 && rows > 1)
    loss = loss + cross_part_correlation(z, parts()) * (correlation * st.correlation);
  return loss;
}

void GradientRouting::train_step(Step& s, const Arm& a) const {
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
void GradientRouting::test_errors(Step& s, const Arm& a) const {
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

// S and the size of the encoding while training; see test_metrics() for S.
void GradientRouting::probe_score(Step& s) const {
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

Value GradientRouting::pixels(Step& s, const std::string& subset) const {
  return flatten(images(s, subset));
}

// --- One seed ---

void GradientRouting::run(Trial& t) const {
  add_subset(t, "all.train");
  add_subset(t, "all.test");
  add_test_tables(t);
  for (const Arm& a : arm_list()) t.part(a.name, [&] { run_arm(t, a); });
}

void GradientRouting::run_arm(Trial& t, const Arm& a) const {
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
std::vector<int64_t> GradientRouting::curve_epochs(const Arm& a) const {
  std::vector<int64_t> at = {0, placebo_epochs, 3, a.epochs};
  for (int64_t e = 1; e <= a.epochs; e *= 2) at.push_back(e);
  std::ranges::sort(at);
  at.erase(std::unique(at.begin(), at.end()), at.end());
  std::erase_if(at, [&](int64_t e) { return e > a.epochs; });
  return at;
}

// --- Data ---

// What an arm knows of each training sample: the group whose mean loss it enters ("member"), the
// weight of its reconstruction, and the masks on its gradient ("route"). The groups are the parts
// and, where labels are missing, the unlabelled.
void GradientRouting::add_training_tables(Trial& t, const Arm& a) const {
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
void GradientRouting::add_test_tables(Trial& t) const {
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

// Losses by class and by part, and the score: how much better a part's own certificate shows its
// classes than the others' do. Comparing certificates on the same digits cancels how hard these
// are. With two halves S = ((A_lo - A_hi) + (B_hi - B_lo)) / 2.
std::map<std::string, double> GradientRouting::test_metrics(Trial& t, const Arm& a,
                                                            const Ensemble& m) const {
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
double GradientRouting::forward_unchanged(Trial& t, const Arm& a, const Ensemble& m) const {
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
double GradientRouting::gradient_masked(Trial& t, const Arm& a, const Ensemble& m) const {
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
void GradientRouting::show(Trial& t, const Arm& a, const Ensemble& m, int64_t which) const {
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

}  // namespace omni
