// Path dependence: its claims, figures, texts and presets.
#include <algorithm>
#include <cmath>
#include <span>

#include "experiments/catalogue.h"
#include "experiments/path_dependence.h"

namespace omni {
namespace {

bool all_finite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

}  // namespace

// --- Claims, written before the run; numbers 11 to 16 of the protocol ---

bool PathDependence::has(double share) const { return std::ranges::count(forks, share) > 0; }

std::vector<PathDependence> PathDependence::calibrated() const {
  std::vector<PathDependence> at(4);
  for (size_t i : {2, 3}) at[i].optimizer = "sgd";
  at[1].lr = 1e-3;  // 0, said otherwise
  at[3].lr = 0.05;
  return at;
}

// LeNet-300-100 as Frankle et al. train it.
bool PathDependence::lenet() const {
  PathDependence as;
  as.train = 60000;
  as.test = 10000;
  as.width = 300;
  as.last_width = 100;
  as.batch = 60;
  as.epochs = 24;
  as.lr = 0.0012;
  as.schedule = "constant";
  as.points = points;  // the highest barrier of more points is no lower
  return changes_of(*this, as).empty();
}

std::vector<ClaimSpec> PathDependence::claims(const Dataset& set) const {
  std::string why;
  if (set.name != "mnist") why = "the claim is about MNIST, this run used " + set.name;
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
    c.push_back({"F1", "LeNet-300-100 is stable from the start: the barrier between children of "
                 "the start is below 0.02", below(0.02), of("fork-0", "barrier"), {}, why});
    c.push_back({"F2", "Its test error is the published 0.017",
                 {.kind = ClaimKind::band, .low = 0.014, .high = 0.020}, of(kTrunk, "error"), {},
                 why});
    for (ClaimSpec& claim : std::span(c).last(2)) claim.at_all_settings = true;  // lenet() says so
  }
  c.push_back({"16", "A fork with unchanged keys ends on its trunk's weights to the bit",
               {.kind = ClaimKind::exact}, of(kSameKeys, "same_bits")});
  c.back().at_all_settings = true;
  return c;
}

// --- Figures ---

FigureRow PathDependence::over_forks(std::string id, std::string title, std::string caption,
                                     std::string metric, std::string y_label,
                                     bool with_ceiling) const {
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

std::vector<FigureRow> PathDependence::figures() const {
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
      .primary = {"11a", "15.4"},
      .ranges = {{"error", 0, 1, 1000}, {"churn", 0, 1, 1000}, {"line_error", 0, 1, 1000},
                 {"same_bits"}},
      .seeds_needed = "On MNIST 3 seeds decide 11a in nine of ten runs and 6 to 8 decide 15.4; quick "
                      "has 8.",
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
