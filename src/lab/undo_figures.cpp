// The figures of a study of UNDO.
#include <algorithm>

#include "lab/undo_study.h"

namespace omni {
namespace {

using namespace undo_arm;

FigureRow lines(std::string id, std::string title, std::string caption, std::string metric,
                std::string x_label, std::string y_label) {
  FigureRow f{std::move(id), std::move(title), std::move(caption), {}};
  f.spec.kind = "lines";
  f.spec.metric = std::move(metric);
  f.spec.x_label = std::move(x_label);
  f.spec.y_label = std::move(y_label);
  f.spec.y_low = 0;
  return f;
}

FigureRow curves(const UndoWords& w, std::string id, std::string title,
                 std::vector<std::string> shown) {
  FigureRow f = lines(std::move(id), std::move(title),
                      fmt::format("Test {} on the {} after so many steps of attack, at the "
                                  "learning rate that is best for the attacker at that step. Bands are "
                                  "95 % intervals.", w.measure, w.forget),
                      "relearned", "steps of attack", fmt::format("{} on {}", w.measure, w.forget));
  f.spec.arms = std::move(shown);
  f.spec.y_high = 1;
  return f;
}

Series joined(const UndoStudy& s, const std::string& method, std::string label) {
  Series series{.label = std::move(label)};
  for (const std::string& arm : all_undone(s, method)) series.points.push_back({.arm = arm});
  return series;
}

std::vector<FigureRow> relearning_figures(const UndoStudy& s) {
  const UndoWords w = s.words();
  const std::string m = s.main_method();
  std::vector<FigureRow> all;
  for (const std::string& id : unlearning_ids(s.methods)) {
    std::vector<std::string> shown = {id};
    for (const std::string& arm : all_undone(s, id)) shown.push_back(arm);
    if (id != m) shown.push_back(student(id));
    shown.push_back(kFiltered);
    all.push_back(curves(w, "relearned_" + id,
                         "Relearning after " + unlearning_method(id).label + " and UNDO", shown));
  }
  std::vector<std::string> shown = {kBase,  m,        kOpen,    kLong, student(m),
                                    kFresh, kPlacebo, kFiltered};
  if (s.weak > 0) shown.insert(shown.end(), {kWeak, kWeakStudent});
  if (s.controls == "full") shown.insert(shown.end(), {kDamaged, kPlaceboUndo, kFilteredEarly});
  all.push_back(curves(w, "relearned_controls",
                       "Relearning after full distillation, and controls", shown));
  return all;
}

std::vector<FigureRow> trade_figures(const UndoStudy& s) {
  const UndoWords w = s.words();
  const std::string m = s.main_method();
  FigureRow pareto{"pareto", "Robustness against compute",
                   fmt::format("0 is what the unlearned network regains in {} steps of attack, 1 "
                               "what the filtered network does. Compute is that of the "
                               "distillation, in multiples of the base's training. Lines join the "
                               "alphas, and the random student with the one that is distilled "
                               "longer.", s.early), {}};
  pareto.spec.kind = "scatter";
  pareto.spec.metric = "robustness";
  pareto.spec.x_metric = "distillation";
  pareto.spec.log_x = true;
  pareto.spec.x_label = "compute of the distillation, base's training = 1";
  pareto.spec.y_label = "relative robustness";
  pareto.spec.level_line = 1;
  pareto.spec.level_label = "data filtering";
  FigureRow each = pareto;
  const Series taught{.label = "random student", .points = {{.arm = student(m)}, {.arm = kLong}}};
  pareto.spec.series = {joined(s, m, "UNDO"), taught,
                        {.label = "UNDO of the base", .points = {{.arm = kOpen}}}};
  FigureRow tax = pareto;
  tax.id = "tax";
  tax.title = "Robustness against what is lost of the rest";
  tax.caption = fmt::format("The same robustness against test {} on the {}. To the right and above "
                            "is better.", w.measure, w.retain);
  tax.spec.x_metric = "retain";
  tax.spec.log_x = false;
  tax.spec.x_label = fmt::format("{} on {}", w.measure, w.retain);
  tax.spec.series.front().points.insert(tax.spec.series.front().points.begin(), {.arm = m});
  tax.spec.series.pop_back();
  if (unlearning_ids(s.methods).size() == 1) return {pareto, tax};
  each.id = "pareto_methods";
  each.title = "Robustness against compute, by method";
  each.caption = "The same for UNDO after each method of unlearning; each is held against its own "
                 "unlearned network.";
  for (const std::string& id : unlearning_ids(s.methods))
    each.spec.series.push_back(joined(s, id, unlearning_method(id).label));
  return {pareto, tax, each};
}

std::vector<FigureRow> alpha_figures(const UndoStudy& s) {
  const UndoWords w = s.words();
  const std::string measured = fmt::format("{} on {}", w.measure, w.forget);
  FigureRow steps = lines("steps", "How long the distillation takes",
                          "Steps until the student has the wanted share of its teacher's retain "
                          "accuracy, which is looked at every few steps.",
                          "steps", "alpha", "steps of distillation");
  FigureRow regained = lines("regained", "What is regained, by the share of damage",
                             fmt::format("Test {} on the {} after {} steps of attack; at alpha 0 "
                                         "that of the unlearned network, undistilled.", w.measure,
                                         w.forget, s.early),
                             "regained", "alpha", measured);
  regained.spec.y_high = 1;
  for (const std::string& id : unlearning_ids(s.methods)) {
    Series series{.label = unlearning_method(id).label};
    for (const double a : s.alphas)
      if (a > 0) series.points.push_back({a, undone(id, a)});
    steps.spec.series.push_back(series);
    series.points.insert(series.points.begin(), {0, id});
    regained.spec.series.push_back(series);
  }
  for (const auto& [arm, label] : {std::pair{kFiltered, "Filtered"}, {kFresh, "Fresh network"}})
    regained.spec.series.push_back({.label = label, .points = {{0, arm}, {s.alphas.back(), arm}}});
  std::vector<FigureRow> all = {regained};
  if (s.alphas.back() > 0) all.push_back(steps);  // undamaged students take none
  const double half = UndoStudy::kBetaAlpha;
  if (other_betas(s).empty() || std::ranges::count(s.alphas, half) == 0) return all;
  FigureRow noise = lines("betas", "The size of the noise",
                          fmt::format("Test {} on the {} after {} steps of attack on UNDO at alpha "
                                      "{}.", w.measure, w.forget, s.early, half),
                          "regained", "beta", measured);
  noise.spec.y_high = 1;
  const std::string m = s.main_method();
  Series series{.label = unlearning_method(m).label};
  std::vector<double> sizes = s.betas;
  if (std::ranges::count(sizes, s.beta) == 0) sizes.push_back(s.beta);
  std::ranges::sort(sizes);
  for (const double b : sizes)
    series.points.push_back({b, b == s.beta ? undone(m, half) : with_beta(m, half, b)});
  noise.spec.series = {series};
  all.push_back(noise);
  return all;
}

}  // namespace

std::vector<FigureRow> UndoStudy::figures() const {
  const UndoWords w = words();
  std::vector<FigureRow> all = relearning_figures(*this);
  for (const auto& more : {trade_figures(*this), alpha_figures(*this)})
    all.insert(all.end(), more.begin(), more.end());
  FigureRow retained{"retained", "What is kept",
                     fmt::format("Test {} on the {}; dots are seeds.", w.measure, w.retain), {}};
  retained.spec.metric = "retain";
  retained.spec.y_label = fmt::format("{} on {}", w.measure, w.retain);
  FigureRow cost{"cost", "What it costs",
                 "Compute besides the base's own training, in multiples of it: unlearning, "
                 "distillation, and for data filtering a training from random weights.", {}};
  cost.spec.metric = "cost";
  cost.spec.y_label = "multiples of the base's training";
  cost.spec.y_low = 0;
  all.insert(all.end(), {retained, cost});
  return all;
}

}  // namespace omni
