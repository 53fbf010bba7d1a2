// Question  When does a run's randomness stop mattering for where it ends, and does it matter for
//           how well it ends?
// Design    A trunk is trained; at several steps copies of it, optimiser included, go on with
//           another order of samples. Children of one step are compared with each other, and with
//           runs that share nothing.
// Expect    Children disagree less and end nearer to each other the later they fork, are linearly
//           connected almost from the start, and are equally good. The learning rate must decay.
// Source    Frankle et al. 2020, arXiv:1912.05671 (forks, barriers); Fort et al. 2020,
//           arXiv:2010.15110; Altintas et al. 2025, arXiv:2506.13234; Dodge et al. 2020,
//           arXiv:2002.06305 (grid of initial weights and orders)
#include "experiments/path_dependence.h"

#include <algorithm>
#include <cmath>

#include "lab/paths.h"
#include "lab/predictions.h"
#include "nn/losses.h"
#include "nn/noise.h"
#include "nn/optimizers.h"
#include "nn/schedules.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr const char* kTrainSet = "all.train";
constexpr const char* kTestSet = "all.test";
constexpr int64_t kClasses = 10;

using Metrics = std::map<std::string, double>;

Metrics mean_of(const std::vector<Metrics>& all) {
  Metrics mean;
  for (const Metrics& one : all)
    for (const auto& [name, value] : one) mean[name] += value / static_cast<double>(all.size());
  return mean;
}

// Nothing if the trunk diverged before.
const Snapshot* find(const Trained& trunk, int64_t step) {
  const auto it = std::ranges::find(trunk.kept, step, &Snapshot::step);
  return it == trunk.kept.end() ? nullptr : &*it;
}

}  // namespace

void PathDependence::check() const {
  require(!forks.empty() && std::ranges::is_sorted(forks, std::ranges::less_equal{}),
          "forks: shares of training must ascend, such as forks=0,0.1,0.5");
  require((vary != "labels" && vary != "dropout") || strength < 1,
          "strength={}: with vary={} it is a share and must be below 1", strength, vary);
  require(vary != "shift" || strength == std::round(strength),
          "strength={}: with vary=shift it is a number of pixels; take {}, say", strength,
          std::ceil(strength));
  require(vary != "dropout" || arch == "cnn" || depth > 0,
          "vary=dropout: it drops units of hidden layers, and depth=0 has none; take depth=2, say");
}

// Forks that are repeated with a constant learning rate: the first, and the one nearest half-way.
std::vector<double> PathDependence::constant_shares() const {
  if (schedule == "constant") return {};
  const double half = *std::ranges::min_element(
      forks, {}, [](double share) { return std::abs(share - 0.5); });
  if (half == forks.front()) return {half};
  return {forks.front(), half};
}

std::string PathDependence::fork_arm(double share) { return fmt::format("fork-{}", share); }
std::string PathDependence::constant_arm(double share) {
  return fmt::format("constant-{}", share);
}
std::string PathDependence::moment(double share) {
  return share == 0 ? "the start" : fmt::format("{:.3g} of training", share);
}

std::vector<ArmInfo> PathDependence::arms() const {
  std::vector<ArmInfo> a = {{kTrunk, "Trunk", "one run, from which the others fork", {}}};
  const std::string what =
      vary == "order" ? "another order of samples" : "other draws of " + vary;
  for (const double s : forks)
    a.push_back({fork_arm(s), "Fork at " + moment(s), "children with " + what, {}});
  for (const double s : constant_shares())
    a.push_back({constant_arm(s), "Constant rate, fork at " + moment(s),
                 "the same with a learning rate that never falls: structure removed", {}});
  a.push_back({kSameKeys, "Fork, nothing changed", "placebo: must end where its trunk ends", {}});
  a.push_back({kSameOrder, "Other start, same order", "only the initial weights differ", {}});
  a.push_back({kIndependent, "Independent runs", "ceiling: start and order differ", {}});
  return a;
}

// --- Graphs ---

double PathDependence::noise_strength() const {
  if (strength > 0) return strength;
  return vary == "noise" ? 0.3 : vary == "labels" ? 0.1 : vary == "dropout" ? 0.2 : 2;
}

// Each image moved; what enters is background.
Value PathDependence::shifted(Step& s, Value x, Value step) const {
  const Type table = s.table("train.x").type();
  const int64_t width = table.shape.dims().back();
  const int64_t height = table.shape.rank() == 3 ? table.shape.dims()[1] : 1;
  const double background = table.dtype == DType::u8 ? -1 : 0;
  const Value moved =
      shift_images(reshape(x, {s.batch(), height, width}), std::llround(noise_strength()),
                   background, s.key(), step, s.index(), "shift");
  return reshape(moved, x.type().shape);
}

void PathDependence::train_step(Step& s) const {
  Net net = s.net("model");
  Value x = images(s, kTrainSet), y = labels(s, kTrainSet);
  const Value step = convert(s.step(), DType::i32);
  const double amount = noise_strength();
  if (vary == "noise") {
    const Value pixels = flatten(x);
    const Value draws =
        random_normal(s.key(), step, s.index(), "pixel noise", {pixels.dim(1)}) * amount;
    x = x + reshape(draws, x.type().shape);
  }
  if (vary == "shift") x = shifted(s, x, step);
  if (vary == "labels") {
    const Value once = convert(constant(s.graph(), 0), DType::i32);  // the same in every epoch
    y = replace_labels(y, amount, kClasses, s.key(), once, s.index(), "labels");
  }
  if (vary == "dropout")
    for (int64_t layer = 0; layer < (arch == "cnn" ? 2 : depth); ++layer) {
      const bool cnn = arch == "cnn";
      const std::string draws = fmt::format("dropout {}.{}", cnn ? "features" : "hidden", layer);
      net.hook(cnn ? fmt::format("conv.{}.hook_pooled", layer)
                   : fmt::format("layers.{}.hook_post", layer),
               [&s, step, draws, amount](Value h) {
                 return dropout(h, amount, s.key(), step, s.index(), draws);
               });
    }
  const Value loss = cross_entropy(logits(net, x, kClasses), y);
  s.graph().result("loss", loss);
  apply(optimizer == "adam" ? Optimizer(Adam{}) : Optimizer(Sgd{.momentum = momentum}), net, loss,
        s.lr());
}

// --- Training ---

PathDependence::Keys PathDependence::keys(Key run) {
  return {run.fold("order"), run.fold("random")};
}

// What differs for a child; the rest stays its trunk's.
PathDependence::Keys PathDependence::child_keys(Key trunk, Key child) const {
  Keys k = keys(trunk);
  if (vary == "order")
    k.order = keys(child).order;
  else
    k.random = keys(child).random;
  return k;
}

int64_t PathDependence::total_steps(int64_t samples) const {
  return epochs * std::max<int64_t>(1, samples / batch);
}
int64_t PathDependence::step_of(double share, int64_t samples) const {
  return std::llround(share * static_cast<double>(total_steps(samples)));
}

Training PathDependence::training(const std::string& name, Keys k, const std::string& rate,
                                  int64_t samples) const {
  Training p;
  p.name = name;
  p.build = [this](Step& s) { train_step(s); };
  p.samples = samples;
  p.batch = batch;
  p.steps = total_steps(samples);
  p.order = k.order;
  p.random = k.random;
  const Schedule shape{schedule_kind_from_name(rate)};
  const double top = lr > 0 ? lr : optimizer == "adam" ? 1e-3 : 0.05;
  p.lr = [=, total = p.steps](int64_t step, int64_t) { return top * shape(step, total); };
  return p;
}

PathDependence::Run PathDependence::finish(Trial& t, const Training& p,
                                           const Ensemble& from) const {
  Run r{t.train(p), &from, {}, {}, {}};
  const std::vector<int32_t> truth = test_labels(t);
  r.logits = logits_on(t, r.trained.model, kTestSet, kClasses);
  r.chosen = chosen_classes(r.logits, kClasses);
  r.margin = margins(r.logits, truth, kClasses);
  r.error = disagreement(r.chosen, truth);
  return r;
}

std::vector<int32_t> PathDependence::test_labels(Trial& t) const {
  const std::vector<int32_t>& y = t.data().test.y;
  return {y.begin(), y.begin() + std::min<int64_t>(test, static_cast<int64_t>(y.size()))};
}

// --- One seed ---

void PathDependence::run(Trial& t) const {
  Seed seed{add_subset(t, kTrainSet), t.key(), {}, {}};
  add_subset(t, kTestSet);
  std::vector<Ensemble> starts;
  for (int64_t i = 0; i < grid; ++i)
    starts.push_back(init(t, t.key().fold("init").fold(static_cast<uint64_t>(i))));
  for (int64_t i = 0; i < grid; ++i)
    for (int64_t j = 0; j < grid; ++j) {
      Training p = training(kTrunk, keys(seed.order(j)), schedule, seed.samples);
      p.start = &starts[i];
      if (i == 0 && j == 0)
        for (const double s : forks) p.keep_at.push_back(step_of(s, seed.samples));
      seed.cells.push_back(finish(t, p, starts[i]));
    }
  const Run& trunk = seed.cells.front();
  t.record(kTrunk, trunk.trained, {{"error", trunk.error}});
  seed.ceiling = record_grid(t, seed.cells);
  for (const double s : forks)
    record_fork(t, seed, fork_arm(s), trunk.trained, step_of(s, seed.samples), schedule);
  record_constant(t, seed, starts.front());
  record_placebo(t, seed, trunk);
}

// A diverged run if there is one, since then its arm has no value; else the last.
const PathDependence::Run& PathDependence::representative(std::span<const Run> runs) {
  const auto bad = std::ranges::find_if(
      runs, [](const Run& r) { return r.trained.diverged_at.has_value(); });
  return bad == runs.end() ? runs.back() : *bad;
}

// Children that leave the trunk after `step`, compared two by two.
void PathDependence::record_fork(Trial& t, const Seed& seed, const std::string& arm,
                                 const Trained& trunk, int64_t step,
                                 const std::string& rate) const {
  const Snapshot* from = find(trunk, step);
  if (!from) return t.record(arm, trunk, {});
  std::vector<Run> runs;
  for (int64_t c = 0; c < children; ++c) {
    Training p = training(arm, child_keys(seed.order(0), seed.child(c)), rate, seed.samples);
    p.from = from;
    runs.push_back(finish(t, p, from->model));
  }
  std::vector<Metrics> pairs;
  std::vector<std::vector<double>> lines;
  for (size_t a = 0; a < runs.size(); ++a)
    for (size_t b = a + 1; b < runs.size(); ++b)
      pairs.push_back(compare(t, runs[a], runs[b], lines));
  Metrics m = mean_of(pairs);
  m["relative_churn"] = m["churn"] / seed.ceiling.at("churn");
  for (const Run& r : runs) m["error"] += r.error / static_cast<double>(runs.size());
  if (rate == schedule) m["icc"] = icc_of_margins(runs, seed.cells);  // the cells have that rate
  t.record(arm, representative(runs).trained, m);
  draw_line(t, arm, lines);
}

// The same forks where the learning rate never falls.
void PathDependence::record_constant(Trial& t, const Seed& seed, const Ensemble& start) const {
  if (constant_shares().empty()) return;
  Training p = training("constant trunk", keys(seed.order(0)), "constant", seed.samples);
  p.start = &start;
  for (const double s : constant_shares()) p.keep_at.push_back(step_of(s, seed.samples));
  p.steps = std::max<int64_t>(1, p.keep_at.back());
  const Trained trunk = t.train(p);
  for (const double s : constant_shares())
    record_fork(t, seed, constant_arm(s), trunk, step_of(s, seed.samples), "constant");
}

// The last fork again, with its trunk's own keys.
void PathDependence::record_placebo(Trial& t, const Seed& seed, const Run& trunk) const {
  const Snapshot* from = find(trunk.trained, step_of(forks.back(), seed.samples));
  if (!from) return t.record(kSameKeys, trunk.trained, {});
  Training p = training(kSameKeys, keys(seed.order(0)), schedule, seed.samples);
  p.from = from;
  const Run again = finish(t, p, from->model);
  t.record(kSameKeys, again.trained,
           {{"churn", disagreement(again.chosen, trunk.chosen)},
            {"distance", distance(again.trained.model[0], trunk.trained.model[0])},
            {"same_bits", weights_hash(again.trained.model[0]) ==
                              weights_hash(trunk.trained.model[0])},
            {"error", again.error}});
}

// Runs that share nothing, runs that share their order, and the split of the variance. Returns
// the comparison of independent runs.
Metrics PathDependence::record_grid(Trial& t, const std::vector<Run>& cells) const {
  const auto cell = [&](int64_t i, int64_t j) -> const Run& { return cells[i * grid + j]; };
  std::vector<Metrics> apart, same_order;
  std::vector<std::vector<double>> apart_lines, same_order_lines;
  for (int64_t k = 0; k + 1 < grid; ++k) {
    apart.push_back(compare(t, cell(k, k), cell(k + 1, k + 1), apart_lines));
    apart.push_back(compare(t, cell(k, k + 1), cell(k + 1, k), apart_lines));
    same_order.push_back(compare(t, cell(k, k), cell(k + 1, k), same_order_lines));
  }
  Metrics ceiling = mean_of(apart), m = mean_of(same_order);
  ceiling["relative_churn"] = 1;
  m["relative_churn"] = m["churn"] / ceiling["churn"];
  std::vector<double> errors, margins(cells.size());
  for (const Run& r : cells) errors.push_back(r.error);
  m["error"] = cell(1, 0).error;
  t.record(kSameOrder, representative(std::span(cells).first(grid + 1)).trained, m);

  // In percentage points, squared.
  const TwoWayVariance of_error = two_way_variance(errors, static_cast<size_t>(grid));
  ceiling["error_variance_start"] = 1e4 * of_error.row;
  ceiling["error_variance_order"] = 1e4 * of_error.column;
  ceiling["error_variance_rest"] = 1e4 * of_error.rest;
  TwoWayVariance of_margins{0, 0, 0};
  for (size_t x = 0; x < cells.front().margin.size(); ++x) {
    std::ranges::transform(cells, margins.begin(), [&](const Run& r) { return r.margin[x]; });
    const TwoWayVariance v = two_way_variance(margins, static_cast<size_t>(grid));
    of_margins.row += v.row;
    of_margins.column += v.column;
    of_margins.rest += v.rest;
  }
  ceiling["margin_share_start"] = of_margins.row / of_margins.total();
  ceiling["margin_share_order"] = of_margins.column / of_margins.total();
  ceiling["margin_share_rest"] = of_margins.rest / of_margins.total();
  ceiling["error"] = cells.back().error;
  t.record(kIndependent, representative(cells).trained, ceiling);
  draw_line(t, kIndependent, apart_lines);
  return ceiling;
}

// --- Measures ---

Metrics PathDependence::compare(Trial& t, const Run& a, const Run& b,
                                std::vector<std::vector<double>>& lines) const {
  const ModelView x = a.trained.model[0], y = b.trained.model[0];
  const std::vector<int32_t> truth = test_labels(t);
  const LineMeasure test_error{
      .build =
          [this](Step& s) {
            Net net = s.net("model");
            const Value z = logits(net, images(s, kTestSet), kClasses);
            s.graph().result("error", 1 - accuracy(z, labels(s, kTestSet)));
          },
      .result = "error",
      .rows = static_cast<int64_t>(truth.size())};
  const std::vector<double> lambdas = even_lambdas(points);
  lines.push_back(along_line(t, x, y, lambdas, test_error));
  const Barrier found = barrier(lambdas, lines.back());
  Metrics m = {{"churn", disagreement(a.chosen, b.chosen)},
               {"shared_errors", shared_errors(a.chosen, b.chosen, truth)},
               {"kl", (mean_kl(a.logits, b.logits, kClasses) +
                       mean_kl(b.logits, a.logits, kClasses)) / 2},
               {"distance", distance(x, y)},
               {"displacement_cosine", displacement_cosine(x, (*a.from)[0], y, (*b.from)[0])},
               {"barrier", found.height}};
  if (points % 2 == 1) m["midpoint_barrier"] = found.midpoint;
  return m;
}

// The mean line of an arm's pairs, a point per percent of the way.
void PathDependence::draw_line(Trial& t, const std::string& arm,
                               const std::vector<std::vector<double>>& lines) const {
  const std::vector<double> lambdas = even_lambdas(points);
  int64_t drawn = -1;
  for (size_t i = 0; i < lambdas.size(); ++i) {
    const int64_t percent = std::llround(100 * lambdas[i]);
    if (percent == drawn) continue;
    drawn = percent;
    double mean = 0;
    for (const auto& line : lines) mean += line[i] / static_cast<double>(lines.size());
    t.curve(arm, "line_error", percent, mean);
  }
}

// Children of one trunk are repeats of one group. Every run on the grid's diagonal shares neither
// start nor order with them or with each other: the only member so far of a group of its own.
// Components are added over test images before the ratio is taken.
double PathDependence::icc_of_margins(const std::vector<Run>& siblings,
                                      const std::vector<Run>& cells) const {
  OneWayVariance total{0, 0};
  std::vector<std::vector<double>> groups(static_cast<size_t>(grid));
  for (auto& group : groups) group.resize(1);
  groups[0].resize(siblings.size());
  for (size_t x = 0; x < siblings.front().margin.size(); ++x) {
    for (size_t c = 0; c < siblings.size(); ++c) groups[0][c] = siblings[c].margin[x];
    for (int64_t k = 1; k < grid; ++k) groups[k][0] = cells[k * grid + k].margin[x];
    const OneWayVariance v = one_way_variance(groups);
    total.between += v.between;
    total.within += v.within;
  }
  return total.icc();
}

}  // namespace omni
