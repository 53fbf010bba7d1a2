// When a run's randomness stops mattering for where it ends. The question, the design and all
// words: path_dependence.md.
#include <cmath>
#include <ranges>
#include <set>

#include "experiments/catalogue.h"
#include "nn/schedules.h"
#include "studies/authoring.h"
#include "studies/paths.h"
#include "studies/predictions.h"

namespace omni {
namespace {

constexpr int64_t kClasses = 10;
// LeNet-300-100 as Frankle et al. train it.
constexpr const char* kLenet =
    "train=60000 test=10000 width=300 last_width=100 batch=60 epochs=24 lr=0.0012 "
    "schedule=constant";

std::string arm_at(const char* kind, double share) { return fmt::format("{}-{}", kind, share); }

// A finished run with what it says about the test images, and where it set out.
struct Run : Trained {
  ModelView from;
  std::vector<float> logits = {};
  std::vector<int32_t> chosen = {};
  std::vector<double> margin = {};
  double error = 0;
};

// What two runs have in common.
struct Comparison {
  std::map<std::string, double> metrics;
  std::map<int64_t, double> line;  // test error by percent of the way between them
};

Comparison mean_of(const std::vector<Comparison>& pairs) {
  Comparison mean;
  const double count = pairs.size();
  for (const Comparison& pair : pairs) {
    for (const auto& [name, value] : pair.metrics) mean.metrics[name] += value / count;
    for (const auto& [percent, error] : pair.line) mean.line[percent] += error / count;
  }
  return mean;
}

// Of the first run that has diverged, since then the arm has no value, or else of the last.
void record(Trial& t, const std::string& arm, std::span<const Run> runs, const Comparison& found) {
  const Run* shown = &runs.back();
  for (const Run& r : std::views::reverse(runs))
    if (r.diverged_at) shown = &r;
  t.record(arm, *shown, found.metrics);
  for (const auto& [percent, error] : found.line) t.curve(arm, "line_error", percent, error);
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
    option("optimizer", optimizer, one_of({"adam", "sgd"}));
    option("lr", lr, between(0, 10));
    option("momentum", momentum, between(0, 0.9999), used_if(optimizer == "sgd", "optimizer=sgd"));
    option("schedule", schedule, one_of({"linear", "cosine", "constant"}));
    option("batch", batch, between(1, 60000));
    option("epochs", epochs, between(1, 1000));
    option("forks", forks, between(0, 0.9999),
           harmless("each is an arm of its own, which claims name"));
    option("children", children, between(2, 16));
    option("vary", vary, one_of({"order", "noise", "labels", "dropout", "shift"}));
    option("strength", strength, between(0, 28), used_if(vary != "order", "vary=noise"));
    option("grid", grid, between(2, 8),
           harmless_if_more("the same shares are measured more exactly"));
    option("points", points, between(2, 201));
  }

  void check() const {
    require(!forks.empty() && std::ranges::is_sorted(forks, std::ranges::less_equal{}),
            "forks: shares of training must ascend, such as forks=0,0.1,0.5");
    require((vary != "labels" && vary != "dropout") || strength < 1,
            "strength={}: with vary={} it is a share and must be below 1", strength, vary);
    require(vary != "shift" || strength == std::round(strength),
            "strength={}: with vary=shift it is a number of pixels; take {}, say", strength,
            std::ceil(strength));
    require(vary != "dropout" || arch == "cnn" || depth > 0,
            "vary=dropout: it drops units of hidden layers, and depth=0 has none; take depth=2, "
            "say");
  }

  // Forks that are repeated with a constant learning rate: the first, and the one nearest half-way.
  std::set<double> constant_shares() const {
    if (schedule == "constant") return {};
    const auto from_half = [](double share) { return std::abs(share - 0.5); };
    return {forks.front(), *std::ranges::min_element(forks, {}, from_half)};
  }

  // --- Graphs ---

  Value loss(Step& s, Net& net) const {
    Value x = images(s), y = labels(s);
    const Value now = convert(s.step(), DType::i32);
    const double usual = vary == "noise"     ? 0.3
                         : vary == "labels"  ? 0.1
                         : vary == "dropout" ? 0.2
                                             : 2;
    const double amount = strength > 0 ? strength : usual;
    if (vary == "noise") {
      const Shape row{flatten(x).dim(1)};
      const Value draws = random_normal(s.key(), now, s.index(), "pixel noise", row) * amount;
      x = x + reshape(draws, x.type().shape);
    }
    if (vary == "shift") x = shifted(s, x, now, std::llround(amount));
    if (vary == "labels")
      y = replace_labels(y, amount, kClasses, s.key(), s.once(), s.index(), "labels");
    const bool cnn = arch == "cnn";
    for (int64_t layer = 0; vary == "dropout" && layer < (cnn ? 2 : depth); ++layer) {
      const std::string draws = fmt::format("dropout {}.{}", cnn ? "features" : "hidden", layer);
      const std::string units = cnn ? fmt::format("conv.{}.hook_pooled", layer)
                                    : fmt::format("layers.{}.hook_post", layer);
      net.hook(units, [&s, now, draws, amount](Value h) {
        return dropout(h, amount, s.key(), now, s.index(), draws);
      });
    }
    return cross_entropy(logits(net, x), y);
  }

  // Each image moved; what enters is background.
  static Value shifted(Step& s, Value x, Value now, int64_t most) {
    const Value table = s.table("train.x");
    const int64_t across = table.dim(-1), down = flatten(x).dim(1) / across;
    const double background = table.type().dtype == DType::u8 ? -1 : 0;
    const Value moved = shift_images(reshape(x, {s.batch(), down, across}), most, background,
                                     s.key(), now, s.index(), "shift");
    return reshape(moved, x.type().shape);
  }

  // --- Runs ---

  int64_t step_of(const Trial& t, double share) const {
    const int64_t all = epochs * std::max<int64_t>(1, rows_of(t, "all.train") / batch);
    return std::llround(share * all);
  }

  // A whole run, with the j-th order, or what is left of it from a snapshot on.
  Training how(const Trial& t, int64_t j, const std::string& rate) const {
    const double top = lr > 0 ? lr : optimizer == "adam" ? 1e-3 : 0.05;
    const Schedule shape{schedule_kind_from_name(rate)};
    return {.on = "all.train",
            .batch = batch,
            .steps = step_of(t, 1),
            .lr = [=](int64_t now, int64_t all) { return top * shape(now, all); },
            .key = t.key().fold("run").fold(j),
            .optimizer = optimizer == "adam" ? Optimizer(Adam{}) : Sgd{.momentum = momentum}};
  }

  Trained trained(Trial& t, const std::string& name, const Trained& start,
                  const Training& p) const {
    return t.train(name, start, p, [this](Step& s, Net& net) { return loss(s, net); });
  }

  Run finish(Trial& t, const std::string& name, const Trained& start, const Training& p) const {
    Run r{trained(t, name, start, p), p.from ? p.from->model[0] : start};
    r.logits = logits_on(t, r.model, "all.test");
    r.chosen = chosen_classes(r.logits, kClasses);
    r.margin = margins(r.logits, truth(t), kClasses);
    r.error = disagreement(r.chosen, truth(t));
    return r;
  }

  std::span<const int32_t> truth(const Trial& t) const {
    return std::span(t.data().test.y).first(rows_of(t, "all.test"));
  }

  // --- One seed ---

  void run(Trial& t) const {
    add_subset(t, "all.train");
    add_subset(t, "all.test");
    std::vector<Trained> starts;
    for (int64_t i = 0; i < grid; ++i) starts.push_back({init(t, t.key().fold("init").fold(i))});
    std::vector<Run> cells;  // cell i * grid + j starts from weights i and has order j
    for (const Trained& start : starts)
      for (int64_t j = 0; j < grid; ++j) {
        Training p = how(t, j, schedule);
        if (cells.empty())
          for (const double share : forks) p.keep_at.push_back(step_of(t, share));
        cells.push_back(finish(t, "trunk", start, p));
      }
    const Trained& start = starts[0];
    const Run& trunk = cells[0];
    t.record("trunk", trunk, {{"error", trunk.error}});
    const double ceiling = record_grid(t, cells);
    for (const double share : forks) record_fork(t, cells, ceiling, start, trunk, share, schedule);
    record_placebo(t, start, trunk);

    // The same forks where the learning rate never falls.
    const std::set<double> shares = constant_shares();
    if (shares.empty()) return;
    Training p = how(t, 0, "constant");
    for (const double share : shares) p.keep_at.push_back(step_of(t, share));
    p.steps = std::max<int64_t>(1, p.keep_at.back());
    const Trained steady = trained(t, "constant trunk", start, p);
    for (const double share : shares)
      record_fork(t, cells, ceiling, start, steady, share, "constant");
  }

  // Children that leave a trunk of that rate, compared two by two. All but what varies is their
  // trunk's.
  void record_fork(Trial& t, const std::vector<Run>& cells, double ceiling, const Trained& start,
                   const Trained& trunk, double share, const std::string& rate) const {
    const std::string arm = arm_at(rate == schedule ? "fork" : "constant", share);
    const Snapshot* from = trunk.reached(step_of(t, share));
    if (!from) return t.record(arm, trunk, {});
    std::vector<Run> runs;
    for (int64_t c = 0; c < children; ++c) {
      const Key own = t.key().fold("child").fold(c);
      Training p = how(t, 0, rate);
      p.from = from;
      p.draws = (vary == "order" ? *p.key : own).fold("random");
      if (vary == "order") p.key = own;
      runs.push_back(finish(t, arm, start, p));
    }
    std::vector<Comparison> pairs;
    for (size_t a = 0; a < runs.size(); ++a)
      for (size_t b = a + 1; b < runs.size(); ++b) pairs.push_back(compare(t, runs[a], runs[b]));
    Comparison mean = mean_of(pairs);
    auto& found = mean.metrics;
    found["relative_churn"] = found["churn"] / ceiling;
    for (const Run& r : runs) found["error"] += r.error / children;
    if (rate == schedule) found["icc"] = icc_of_margins(runs, cells);  // they have that rate
    record(t, arm, runs, mean);
  }

  // The last fork again, with its trunk's own keys.
  void record_placebo(Trial& t, const Trained& start, const Run& trunk) const {
    const Snapshot* from = trunk.reached(step_of(t, forks.back()));
    if (!from) return t.record("same-keys", trunk, {});
    Training p = how(t, 0, schedule);
    p.from = from;
    const Run again = finish(t, "same-keys", start, p);
    t.record("same-keys", again,
             {{"churn", disagreement(again.chosen, trunk.chosen)},
              {"distance", distance(again, trunk)},
              {"same_bits", weights_hash(again) == weights_hash(trunk)},
              {"error", again.error}});
  }

  // Runs that share nothing, runs that share their order, and the split of the variance. Returns
  // the disagreement of independent runs.
  double record_grid(Trial& t, const std::vector<Run>& cells) const {
    const auto cell = [&](int64_t i, int64_t j) -> const Run& { return cells[i * grid + j]; };
    std::vector<Comparison> apart, same_order;
    for (int64_t k = 0; k + 1 < grid; ++k) {
      apart.push_back(compare(t, cell(k, k), cell(k + 1, k + 1)));
      apart.push_back(compare(t, cell(k, k + 1), cell(k + 1, k)));
      same_order.push_back(compare(t, cell(k, k), cell(k + 1, k)));
    }
    Comparison independent = mean_of(apart), ordered = mean_of(same_order);
    auto &found = independent.metrics, &with_order = ordered.metrics;
    const double ceiling = found["churn"];
    found["relative_churn"] = 1;
    found["error"] = cells.back().error;
    with_order["relative_churn"] = with_order["churn"] / ceiling;
    with_order["error"] = cell(1, 0).error;
    ordered.line.clear();
    record(t, "same-order", std::span(cells).first(grid + 1), ordered);

    const auto split = [&](const auto& value_of) {
      std::vector<double> values;
      for (const Run& r : cells) values.push_back(value_of(r));
      return two_way_variance(values, grid);
    };
    const TwoWayVariance errors = split([](const Run& r) { return r.error; });
    TwoWayVariance margin{0, 0, 0};
    for (size_t x = 0; x < cells[0].margin.size(); ++x) {
      const TwoWayVariance of_x = split([x](const Run& r) { return r.margin[x]; });
      margin.row += of_x.row;
      margin.column += of_x.column;
      margin.rest += of_x.rest;
    }
    const auto add = [&](const std::string& part, double of_errors, double of_margin) {
      found["error_variance_" + part] = 1e4 * of_errors;  // in percentage points, squared
      found["margin_share_" + part] = of_margin / margin.total();
    };
    add("start", errors.row, margin.row);
    add("order", errors.column, margin.column);
    add("rest", errors.rest, margin.rest);
    record(t, "independent", cells, independent);
    return ceiling;
  }

  // --- Measures ---

  Comparison compare(Trial& t, const Run& a, const Run& b) const {
    const std::vector<double> lambdas = even_lambdas(points);
    const std::vector<double> errors = along_line(a, b, lambdas, [&](const Ensemble& m) {
      // In f32, in which accuracies are measured: these are the bits of an error.
      return 1 - static_cast<float>(accuracy_on(t, m, "all.test"));
    });
    const Barrier found = barrier(lambdas, errors);
    Comparison c{
        {{"churn", disagreement(a.chosen, b.chosen)},
         {"shared_errors", shared_errors(a.chosen, b.chosen, truth(t))},
         {"kl",
          (mean_kl(a.logits, b.logits, kClasses) + mean_kl(b.logits, a.logits, kClasses)) / 2},
         {"distance", distance(a, b)},
         {"displacement_cosine", displacement_cosine(a, a.from, b, b.from)},
         {"barrier", found.height}},
        {}};
    if (points % 2 == 1) c.metrics["midpoint_barrier"] = found.midpoint;
    for (size_t i = 0; i < errors.size(); ++i)
      c.line.emplace(std::llround(100 * lambdas[i]), errors[i]);
    return c;
  }

  // Children of one trunk are repeats of one group. Every run on the grid's diagonal shares neither
  // start nor order with them or with each other: the only member so far of a group of its own.
  // Components are added over test images before the ratio is taken.
  double icc_of_margins(const std::vector<Run>& siblings, const std::vector<Run>& cells) const {
    OneWayVariance total{0, 0};
    for (size_t x = 0; x < cells[0].margin.size(); ++x) {
      std::vector<std::vector<double>> groups(grid);
      for (const Run& r : siblings) groups[0].push_back(r.margin[x]);
      for (int64_t k = 1; k < grid; ++k) groups[k] = {cells[k * grid + k].margin[x]};
      const OneWayVariance v = one_way_variance(groups);
      total.between += v.between;
      total.within += v.within;
    }
    return total.icc();
  }

  // --- Claims, written before the run; numbers 11 to 16 of the protocol ---

  void claims(Claims& claim) const {
    const auto start = [](const char* metric) { return of("fork-0", metric); };
    const auto half = [](const char* metric) { return of("fork-0.5", metric); };
    std::vector<Term> distances, barriers;  // of forks, the last first; from 0.016 on
    for (const double share : std::views::reverse(forks)) {
      distances.push_back(of(arm_at("fork", share), "distance"));
      if (share >= 0.016) barriers.push_back(of(arm_at("fork", share), "barrier"));
    }
    claim("11a", start("churn") > half("churn"));
    claim("11b", start("churn") > 1.5 * half("churn"));
    claim("11c", log(start("churn") / half("churn")) >
                     log(of("constant-0", "churn") / of("constant-0.5", "churn")));
    if (forks.size() > 1) claim("12a", least(changes(distances)) > 0);
    claim("12b", start("distance") > 5 * half("distance"));
    if (!barriers.empty()) claim("13a", most(barriers) < 0.02);
    const double high = optimizer == "adam" ? 0.10 : 0.05;
    claim.with("high", high)("13b", of("independent", "midpoint_barrier") > high);
    claim.needs("optimizer=adam")("14", start("barrier") > of("fork-0.125", "barrier"));
    for (size_t i = 1; i < forks.size(); ++i)
      claim.with("share", forks[i])(
          fmt::format("15.{}", i),
          near(of(arm_at("fork", forks[i]), "error") - start("error"), 0, 0.005));
    // The highest barrier of more points is no lower.
    const Claims lenet = claim.calibrated({kLenet}).at_any("points");
    lenet("F1", start("barrier") < 0.02);
    lenet("F2", within(of("trunk", "error"), 0.014, 0.020));
    claim.at_any()("16", always(of("same-keys", "same_bits") == 1));
  }

  // --- Figures ---

  void figures(Figures& figure) const {
    over_forks(figure, "churn").across("independent").from_zero();
    over_forks(figure, "distance").across("independent").log_y();
    figure.lines("line", "line_error").from_zero().arms({"fork-*", "independent"});

    over_forks(figure, "icc").level(0.5, "half is settled").to(1);
    figure.bars("error");
    figure.groups("variance", {"margin_share_start", "margin_share_order", "margin_share_rest"});
    figure.groups("error-variance",
                  {"error_variance_start", "error_variance_order", "error_variance_rest"});
  }

  // A metric of the forks against their percent of training.
  FigureBuilder over_forks(Figures& figure, const std::string& metric) const {
    FigureBuilder f = figure.lines(metric).log_x();
    const auto draw = [&](const std::string& rate, const char* kind, const auto& shares) {
      std::vector<Series::Point> line;
      for (const double share : shares) line.push_back({100 * share, arm_at(kind, share)});
      f.points("learning rate: " + rate, line);
    };
    draw(schedule, "fork", forks);
    if (metric != "icc" && schedule != "constant") draw("constant", "constant", constant_shares());
    return f;
  }
};

}  // namespace

Experiment path_dependence() {
  return experiment<PathDependence>(
      {.name = "path-dependence",
       .metric = "churn",
       .primary = {"11a", "15.4"},
       .ranges = {{"error", 0, 1, 1000},
                  {"churn", 0, 1, 1000},
                  {"line_error", 0, 1, 1000},
                  {"same_bits"},
                  {"distance*", 0, kNoEnd}},
       .judged_on = "mnist",
       .calibrated = {"", "lr=0.001", "optimizer=sgd", "optimizer=sgd lr=0.05"},
       .presets = {
           {"quick", 8},
           {"middle", 24, "forks=0,0.004,0.016,0.0625,0.125,0.25,0.5,0.8 grid=3"},
           {"paper", 5, std::string(kLenet) + " points=31"},
           {"smoke", 2, "train=1000 test=500 width=32 epochs=2 forks=0,0.125,0.5 points=3"}}});
}

}  // namespace omni
