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
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/image_task.h"
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

constexpr const char* kTrunk = "trunk";
constexpr const char* kSameKeys = "same-keys";
constexpr const char* kSameOrder = "same-order";
constexpr const char* kIndependent = "independent";
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

bool all_finite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

struct PathDependence : ImageTask {
  std::string optimizer = "adam", schedule = "linear", vary = "order";
  std::vector<double> forks = {0, 0.016, 0.125, 0.5, 0.8};  // shares of training
  double lr = 0, momentum = 0.9, strength = 0;
  int64_t batch = 128, epochs = 8, children = 2, grid = 2, points = 11;

  PathDependence() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    option("optimizer", optimizer, "adam, or sgd with momentum", one_of({"adam", "sgd"}));
    option("lr", lr, "learning rate; 0: 0.001 for adam, 0.05 for sgd", between(0, 10));
    option("momentum", momentum, "of sgd", between(0, 0.9999));
    option("schedule", schedule, "how the learning rate goes over training: to 0, or not at all",
           one_of({"linear", "cosine", "constant"}));
    option("batch", batch, "images per step", between(1, 60000));
    option("epochs", epochs, "length of training", between(1, 1000));
    option("forks", forks, "when children leave the trunk: shares of training, ascending",
           between(0, 0.9999));
    option("children", children, "of each fork", between(2, 16));
    option("vary", vary, "what differs between children: the order of samples, or the draws of one "
           "kind of noise that all runs then have: Gaussian noise on pixels, random labels, "
           "dropout, or shifts of images",
           one_of({"order", "noise", "labels", "dropout", "shift"}));
    option("strength", strength, "of that noise: deviation, share of labels, probability, or "
           "pixels; 0: 0.3, 0.1, 0.2 or 2", between(0, 28));
    option("grid", grid, "initial weights, and as many orders, in the grid of whole runs",
           between(2, 8));
    option("points", points, "on each line between two models, both ends included; odd numbers "
           "include the middle", between(2, 201));
  }

  void check() const {
    ImageTask::check();
    require(!forks.empty() && std::ranges::is_sorted(forks, std::ranges::less_equal{}),
            "forks: shares of training must ascend, such as forks=0,0.1,0.5");
    require((vary != "labels" && vary != "dropout") || strength < 1,
            "strength={}: with vary={} it is a share and must be below 1", strength, vary);
  }

  bool has(double share) const { return std::ranges::count(forks, share) > 0; }

  // Forks that are repeated with a constant learning rate: the first, and the one nearest half-way.
  std::vector<double> constant_shares() const {
    if (schedule == "constant") return {};
    const double half = *std::ranges::min_element(
        forks, {}, [](double share) { return std::abs(share - 0.5); });
    if (half == forks.front()) return {half};
    return {forks.front(), half};
  }

  static std::string fork_arm(double share) { return fmt::format("fork-{}", share); }
  static std::string constant_arm(double share) { return fmt::format("constant-{}", share); }
  static std::string moment(double share) {
    return share == 0 ? "the start" : fmt::format("{:.3g} of training", share);
  }

  std::vector<ArmInfo> arms() const {
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

  double noise_strength() const {
    if (strength > 0) return strength;
    return vary == "noise" ? 0.3 : vary == "labels" ? 0.1 : vary == "dropout" ? 0.2 : 2;
  }

  // Each image moved; what enters is background.
  Value shifted(Step& s, Value x, Value step) const {
    const Type table = s.table("train.x").type();
    const int64_t width = table.shape.dims().back();
    const int64_t height = table.shape.rank() == 3 ? table.shape.dims()[1] : 1;
    const double background = table.dtype == DType::u8 ? -1 : 0;
    const Value moved =
        shift_images(reshape(x, {s.batch(), height, width}), std::llround(noise_strength()),
                     background, s.key(), step, s.index(), "shift");
    return reshape(moved, x.type().shape);
  }

  void train_step(Step& s) const {
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

  // The randomness of a run or of a stretch of it.
  struct Keys {
    Key order, random;
  };
  static Keys keys(Key run) { return {run.fold("order"), run.fold("random")}; }

  // What differs for a child; the rest stays its trunk's.
  Keys child_keys(Key trunk, Key child) const {
    Keys k = keys(trunk);
    if (vary == "order")
      k.order = keys(child).order;
    else
      k.random = keys(child).random;
    return k;
  }

  int64_t total_steps(int64_t samples) const {
    return epochs * std::max<int64_t>(1, samples / batch);
  }
  int64_t step_of(double share, int64_t samples) const {
    return std::llround(share * static_cast<double>(total_steps(samples)));
  }

  Training training(const std::string& name, Keys k, const std::string& rate,
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

  // A finished run with what it says about the test images, and where it set out.
  struct Run {
    Trained trained;
    const Ensemble* from;
    std::vector<float> logits;
    std::vector<int32_t> chosen;
    std::vector<double> margin;
    double error = 0;
  };

  Run finish(Trial& t, const Training& p, const Ensemble& from) const {
    Run r{t.train(p), &from, {}, {}, {}};
    const std::vector<int32_t> truth = test_labels(t);
    r.logits = logits_on(t, r.trained.model, kTestSet, kClasses);
    r.chosen = chosen_classes(r.logits, kClasses);
    r.margin = margins(r.logits, truth, kClasses);
    r.error = disagreement(r.chosen, truth);
    return r;
  }

  std::vector<int32_t> test_labels(Trial& t) const {
    const std::vector<int32_t>& y = t.data().test.y;
    return {y.begin(), y.begin() + std::min<int64_t>(test, static_cast<int64_t>(y.size()))};
  }

  // --- One seed ---

  struct Seed {
    int64_t samples;
    Key key;
    std::vector<Run> cells;  // the grid: cell i * grid + j starts from weights i and has order j
    Metrics ceiling;         // how independent runs compare

    Key order(int64_t j) const { return key.fold("run").fold(static_cast<uint64_t>(j)); }
    Key child(int64_t c) const { return key.fold("child").fold(static_cast<uint64_t>(c)); }
  };

  void run(Trial& t) const {
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

  // Nothing if the trunk diverged before.
  static const Snapshot* find(const Trained& trunk, int64_t step) {
    const auto it = std::ranges::find(trunk.kept, step, &Snapshot::step);
    return it == trunk.kept.end() ? nullptr : &*it;
  }

  // A diverged run if there is one, since then its arm has no value; else the last.
  static const Run& representative(std::span<const Run> runs) {
    const auto bad = std::ranges::find_if(
        runs, [](const Run& r) { return r.trained.diverged_at.has_value(); });
    return bad == runs.end() ? runs.back() : *bad;
  }

  // Children that leave the trunk after `step`, compared two by two.
  void record_fork(Trial& t, const Seed& seed, const std::string& arm, const Trained& trunk,
                   int64_t step, const std::string& rate) const {
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
  void record_constant(Trial& t, const Seed& seed, const Ensemble& start) const {
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
  void record_placebo(Trial& t, const Seed& seed, const Run& trunk) const {
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
  Metrics record_grid(Trial& t, const std::vector<Run>& cells) const {
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

  Metrics compare(Trial& t, const Run& a, const Run& b,
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
  void draw_line(Trial& t, const std::string& arm,
                 const std::vector<std::vector<double>>& lines) const {
    const std::vector<double> lambdas = even_lambdas(points);
    for (size_t i = 0; i < lambdas.size(); ++i) {
      double mean = 0;
      for (const auto& line : lines) mean += line[i] / static_cast<double>(lines.size());
      t.curve(arm, "line_error", std::llround(100 * lambdas[i]), mean);
    }
  }

  // Children of one trunk are repeats of one group. Every run on the grid's diagonal shares neither
  // start nor order with them or with each other: the only member so far of a group of its own.
  // Components are added over test images before the ratio is taken.
  double icc_of_margins(const std::vector<Run>& siblings, const std::vector<Run>& cells) const {
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

  // --- Claims, written before the run; numbers 11 to 16 of the protocol ---

  bool calibration_setting() const {
    const PathDependence d;
    const bool usual_lr = lr == 0 || lr == (optimizer == "adam" ? 1e-3 : 0.05);
    return train == d.train && test == d.test && arch == d.arch && width == d.width &&
           depth == d.depth && last_width == d.last_width && batch == d.batch &&
           epochs == d.epochs && usual_lr && momentum == d.momentum && schedule == d.schedule &&
           vary == d.vary;
  }

  // LeNet-300-100 as Frankle et al. train it.
  bool lenet() const {
    return train == 60000 && test == 10000 && arch == "mlp" && width == 300 && last_width == 100 &&
           depth == 2 && batch == 60 && epochs == 24 && optimizer == "adam" && lr == 0.0012 &&
           schedule == "constant" && vary == "order";
  }

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    std::string why;
    if (set.name != "mnist") why = "the claim is about MNIST, this run used " + set.name;
    if (!calibration_setting()) why = "the claim is about other settings";
    const bool adam = optimizer == "adam";
    const auto of = [](std::string arm, const char* metric) {
      return [=](const SeedValues& v) { return v(arm, metric); };
    };
    // a's metric minus `times` b's.
    const auto gap = [](std::string a, double times, std::string b, const char* metric) {
      return [=](const SeedValues& v) { return v(a, metric) - times * v(b, metric); };
    };
    const auto above = [](double x) { return Claim{.kind = ClaimKind::above, .threshold = x}; };
    const auto below = [](double x) { return Claim{.kind = ClaimKind::below, .threshold = x}; };
    const Claim more{.kind = ClaimKind::above, .threshold = 0, .difference = true};
    std::vector<std::string> forked, early_on;
    for (const double s : forks) {
      forked.push_back(fork_arm(s));
      if (s >= 0.016) early_on.push_back(fork_arm(s));
    }
    std::vector<ClaimSpec> c;
    if (has(0) && has(0.5)) {
      c.push_back({"11a", "Children of the start disagree more than children of half-way", more,
                   gap("fork-0", 1, "fork-0.5", "churn")});
      c.push_back({"11b", "Children of the start disagree more than 1.5 times as much as children "
                   "of half-way", more, gap("fork-0", 1.5, "fork-0.5", "churn")});
    }
    if (has(0) && has(0.5) && schedule != "constant")
      c.push_back({"11c", "It takes a learning rate that falls: from children of the start to "
                   "children of half-way, disagreement shrinks by more than with a constant one",
                   more, [](const SeedValues& v) {
                     const auto shrinks = [&](const char* early, const char* late) {
                       return std::log(v(early, "churn") / v(late, "churn"));
                     };
                     return shrinks("fork-0", "fork-0.5") - shrinks("constant-0", "constant-0.5");
                   }});
    if (forks.size() > 1)
      c.push_back({"12a", "The later the fork, the nearer the ends: the distance falls from each "
                   "fork to the next", more, [forked](const SeedValues& v) {
                     std::vector<double> falls;
                     for (size_t i = 1; i < forked.size(); ++i)
                       falls.push_back(v(forked[i - 1], "distance") - v(forked[i], "distance"));
                     return all_finite(falls) ? std::ranges::min(falls) : kNaN;
                   }});
    if (has(0) && has(0.5))
      c.push_back({"12b", "Children of the start end more than 5 times as far apart as children of "
                   "half-way", more, gap("fork-0", 5, "fork-0.5", "distance")});
    if (!early_on.empty())
      c.push_back({"13a", "From 0.016 of training on, children are linearly connected: the highest "
                   "barrier of all those forks is below 0.02", below(0.02),
                   [early_on](const SeedValues& v) {
                     std::vector<double> found;
                     for (const std::string& arm : early_on) found.push_back(v(arm, "barrier"));
                     return all_finite(found) ? std::ranges::max(found) : kNaN;
                   }});
    const double high = adam ? 0.10 : 0.05;
    if (points % 2 == 1)
      c.push_back({"13b", fmt::format("Independent runs are not linearly connected: half-way the "
                                      "error is more than {} above their own", high), above(high),
                   of(kIndependent, "midpoint_barrier")});
    if (has(0) && has(0.125)) {
      c.push_back({"14", "Adam: the barrier between children of the start is higher than at an "
                   "eighth of training", more, gap("fork-0", 1, "fork-0.125", "barrier")});
      if (!adam) c.back().why_not_judged = "the claim is about Adam";
    }
    for (size_t i = 1; i < forks.size() && has(0); ++i)
      c.push_back({fmt::format("15.{}", i),
                   fmt::format("Test error is the same, within 0.005, whether children fork at the "
                               "start or at {}", moment(forks[i])),
                   {.kind = ClaimKind::band, .low = -0.005, .high = 0.005, .difference = true},
                   gap(forked[i], 1, "fork-0", "error")});
    for (ClaimSpec& claim : c)
      if (claim.why_not_judged.empty()) claim.why_not_judged = why;
    if (lenet() && has(0)) {
      const std::string other = set.name == "mnist" ? "" : why;
      c.push_back({"F1", "LeNet-300-100 is stable from the start: the barrier between children of "
                   "the start is below 0.02", below(0.02), of("fork-0", "barrier"), {}, other});
      c.push_back({"F2", "Its test error is the published 0.017",
                   {.kind = ClaimKind::band, .low = 0.014, .high = 0.020}, of(kTrunk, "error"), {},
                   other});
    }
    c.push_back({"16", "A fork with unchanged keys ends on its trunk's weights to the bit",
                 {.kind = ClaimKind::exact}, of(kSameKeys, "same_bits")});
    return c;
  }

  // --- Figures ---

  FigureRow over_forks(std::string id, std::string title, std::string caption, std::string metric,
                       std::string y_label, bool with_ceiling) const {
    FigureRow f{std::move(id), std::move(title), std::move(caption), {}};
    f.spec.kind = "lines";
    f.spec.metric = std::move(metric);
    f.spec.x_label = "when the children fork, % of training";
    f.spec.y_label = std::move(y_label);
    f.spec.log_x = true;
    const std::string constant_label = "constant learning rate";
    Series children_line{.label = "learning rate falls (" + schedule + ")"};
    if (schedule == "constant") children_line.label = constant_label;
    Series constant_line{.label = constant_label};
    for (const double s : forks) children_line.points.push_back({100 * s, fork_arm(s)});
    for (const double s : constant_shares())
      constant_line.points.push_back({100 * s, constant_arm(s)});
    f.spec.series = {children_line};
    if (f.spec.metric != "icc" && !constant_line.points.empty())
      f.spec.series.push_back(constant_line);
    if (with_ceiling)
      f.spec.series.push_back({.label = "independent runs",
                               .points = {{100 * forks.front(), kIndependent},
                                          {100 * forks.back(), kIndependent}}});
    return f;
  }

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> f;
    f.push_back(over_forks(
        "churn", "Children disagree less, the later they fork",
        "Share of test images on which two children of one snapshot give different answers. Means "
        "over seeds with 95 % intervals. Where the learning rate never falls, the last steps' "
        "jitter hides the effect.",
        "churn", "disagreement", true));
    f.back().spec.y_low = 0;
    f.push_back(over_forks(
        "distance", "Later children end nearer to each other",
        "Euclidean distance between the weights of two children at the end of training.",
        "distance", "distance of final weights", true));
    f.back().spec.log_y = true;
    FigureRow line{"line", "The error along the straight line between two children",
                   "Test error of (1 - \u03bb) A + \u03bb B for two children A and B of one "
                   "snapshot, and for independent runs.",
                   {}};
    line.spec.kind = "lines";
    line.spec.metric = "line_error";
    line.spec.x_label = "100 \u03bb: from child A to child B";
    line.spec.y_label = "test error";
    line.spec.y_low = 0;
    for (const double s : forks) line.spec.arms.push_back(fork_arm(s));
    line.spec.arms.push_back(kIndependent);
    f.push_back(line);
    f.push_back(over_forks(
        "icc", "How early the trunk decides",
        "Intraclass correlation of the test images' margins: the share of their variance between "
        "independent runs that is already settled when the children fork.",
        "icc", "intraclass correlation", false));
    f.back().spec.level_line = 0.5;
    f.back().spec.level_label = "half is settled";
    f.back().spec.y_high = 1;
    FigureRow error{"error", "How well they end", "Mean test error of the models of each arm, with "
                    "95 % intervals; dots are seeds.", {}};
    error.spec.metric = "error";
    error.spec.y_label = "test error";
    f.push_back(error);
    FigureRow split{"variance", "Initial weights against order, in the margins",
                    "Split of the variance of test images' margins over a grid of initial weights "
                    "and orders. 'Together' holds what only their combination decides.",
                    {}};
    split.spec.kind = "groups";
    split.spec.y_label = "share of the variance";
    split.spec.groups = {{"initial weights", "margin_share_start"},
                         {"order of samples", "margin_share_order"},
                         {"together", "margin_share_rest"}};
    split.spec.series = {{.label = "margins", .arm = kIndependent}};
    f.push_back(split);
    split.id = "error-variance";
    split.title = "Initial weights against order, in the test error";
    split.caption = "The same split of the variance of the test error, in squared percentage "
                    "points. Estimates may fall below zero; only their means are right.";
    split.spec.y_label = "variance of test error, points\u00b2";
    split.spec.groups = {{"initial weights", "error_variance_start"},
                         {"order of samples", "error_variance_order"},
                         {"together", "error_variance_rest"}};
    split.spec.series = {{.label = "test error", .arm = kIndependent}};
    f.push_back(split);
    return f;
  }
};

}  // namespace

Experiment path_dependence() {
  return {
      .name = "path-dependence",
      .title = "Path dependence: which randomness decides where a run ends",
      .texts =
          {.question = "When does the randomness of training stop mattering for where a run ends, "
                       "and does it matter for how well it ends?",
           .source = "Frankle, Dziugaite, Roy, Carbin: Linear mode connectivity and the lottery "
                     "ticket hypothesis, arXiv:1912.05671. Settings and numbers of the claims: own "
                     "calibration runs on MNIST",
           .method =
               "A trunk is trained from initial weights with an order of samples. Copies of it, "
               "weights and optimiser alike, leave it at several steps and go on to the same end "
               "with other orders: its children. Children of one step are compared: the share of "
               "test images on which they disagree, the distance of their weights, the error along "
               "the straight line between them, the share of the variance of their margins that "
               "their trunk explains.",
           .structure = "A trunk settles into a basin early, and a learning rate that falls to "
                        "zero lets each child come to rest at its bottom.",
           .controls =
               "A fork whose keys are unchanged must end on its trunk's weights to the bit: the "
               "placebo. Independent runs, which share neither start nor order, are the ceiling. "
               "Forks under a constant learning rate have the structure removed.",
           .translation = "Fine-tuning runs from one checkpoint are such children. How much two of "
                          "them differ tells how many seeds a comparison of methods needs, and "
                          "whether their weights may be averaged.",
           .expected_failure = "A learning rate that does not fall: the jitter of the last step "
                               "makes all children differ. Larger networks on harder data become "
                               "stable later.",
           .costs = "A fork saves the steps of its trunk. Forking late to get an ensemble cheaply "
                    "costs diversity: the disagreement shown is what is left of it. Test error is "
                    "shown beside it.",
           .limits = "Small networks and data. Permuted hidden units count as different weights. "
                     "Margins are not normalised by the size of the weights."},
      .metric = "churn",
      .metric_label = "disagreement",
      .presets = {{"quick", "the calibration setting on few trunks; about two minutes on two cores",
                   {}, 8},
                  {"middle", "24 trunks, more forks, a 3x3 grid; about a quarter of an hour",
                   {{"forks", "0,0.004,0.016,0.0625,0.125,0.25,0.5,0.8"}, {"grid", "3"}}, 24},
                  {"paper", "LeNet-300-100 on all of MNIST as Frankle et al. train it",
                   {{"train", "60000"}, {"test", "10000"}, {"width", "300"}, {"last_width", "100"},
                    {"batch", "60"}, {"epochs", "24"}, {"lr", "0.0012"}, {"schedule", "constant"},
                    {"points", "31"}}, 5},
                  {"smoke", "seconds: tiny networks on few images, to see that everything runs",
                   {{"train", "1000"}, {"test", "500"}, {"width", "32"}, {"epochs", "2"},
                    {"forks", "0,0.125,0.5"}, {"points", "3"}}, 2}},
      .settings = settings_of<PathDependence>(),
  };
}

}  // namespace omni
