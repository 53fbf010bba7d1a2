// Figures from a few words, the page's and what a dry run has recorded.
#include "lab/figure_list.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/star.h"
#include "lab/numbers.h"

namespace omni {
namespace {

// Names that fit a pattern, those with numbers for the * in their order.
std::vector<std::string> fitting(const std::string& pattern,
                                 const std::vector<std::string>& names) {
  std::vector<std::pair<double, std::string>> found;
  for (const std::string& name : names)
    if (const std::optional<std::string> star = star_in(pattern, name)) {
      double x = 0;
      found.emplace_back(parse_number(*star, x) ? x : 0, name);
    }
  std::ranges::stable_sort(found, {}, &std::pair<double, std::string>::first);
  std::vector<std::string> sorted;
  for (const auto& [x, name] : found) sorted.push_back(name);
  return sorted;
}

// The metrics that a pattern stands for; a name stands for itself, be it recorded or not.
std::vector<std::string> metrics_like(const FigureSource& source, const std::string& pattern,
                                      const std::string& arm = "") {
  if (!has_star(pattern)) return {pattern};
  std::set<std::string> names;
  for (const auto& [name, metrics] : source.recorded)
    if (arm.empty() || arm == name)
      for (const auto& [metric, step] : metrics) names.insert(metric);
  return fitting(pattern, {names.begin(), names.end()});
}

}  // namespace

// --- What figures are made of ---

bool FigureSource::has(const std::string& arm, const std::string& metric, bool final) const {
  const auto it = recorded.find(arm);
  return it != recorded.end() && std::ranges::any_of(it->second, [&](const auto& m) {
           return m.first == metric && (m.second == kFinalStep) == final;
         });
}

std::string FigureSource::label_of_arm(const std::string& arm) const {
  const auto it = std::ranges::find(arms, arm, &ArmInfo::name);
  return it == arms.end() ? arm : it->label;
}

std::string FigureSource::label_of_metric(const std::string& metric) const {
  return words.row(WordTable::metrics, metric, values)[0];
}

// --- One figure ---

FigureBuilder& FigureBuilder::unit() { return from_zero().to(1); }
FigureBuilder& FigureBuilder::from_zero() {
  entry_.row.spec.y_low = 0;
  return *this;
}
FigureBuilder& FigureBuilder::to(double high) {
  entry_.row.spec.y_high = high;
  return *this;
}
FigureBuilder& FigureBuilder::log_x() {
  entry_.row.spec.log_x = true;
  return *this;
}
FigureBuilder& FigureBuilder::log_y() {
  entry_.row.spec.log_y = true;
  return *this;
}
FigureBuilder& FigureBuilder::level(double y, const std::string& label) {
  entry_.row.spec.level_line = y;
  entry_.row.spec.level_label = label;
  return *this;
}
FigureBuilder& FigureBuilder::arms(const std::vector<std::string>& only) {
  std::vector<std::string> known, chosen;
  for (const ArmInfo& a : source_.arms) known.push_back(a.name);
  for (const std::string& arm : only)
    if (has_star(arm))
      std::ranges::copy(fitting(arm, known), std::back_inserter(chosen));
    else
      chosen.push_back(arm);
  entry_.left_out = chosen.empty();
  entry_.row.spec.arms = std::move(chosen);
  return *this;
}
FigureBuilder& FigureBuilder::series(Series s) {
  entry_.row.spec.arms.clear();  // series stand in place of arms
  entry_.row.spec.series.push_back(std::move(s));
  return *this;
}
FigureBuilder& FigureBuilder::points(const std::string& label, std::vector<Series::Point> points) {
  return series({.label = label, .points = std::move(points)});
}

FigureBuilder& FigureBuilder::add_over(const std::string& arms,
                                       const std::vector<std::string>& metrics,
                                       const Series::Point* one_more) {
  std::vector<std::string> names;
  for (const ArmInfo& a : source_.arms) names.push_back(a.name);
  for (const std::string& metric : metrics) {
    Series line{.label = source_.label_of_metric(metric), .metric = metric};
    for (const std::string& arm : fitting(arms, names)) {
      double x = 0;
      if (parse_number(*star_in(arms, arm), x) && source_.has(arm, metric, true))
        line.points.push_back({x, arm});
    }
    if (line.points.empty()) continue;
    if (one_more && source_.has(one_more->arm, metric, true)) {
      line.points.push_back(*one_more);
      std::ranges::stable_sort(line.points, {}, &Series::Point::x);
    }
    series(std::move(line));
  }
  entry_.left_out = entry_.row.spec.series.empty();
  return *this;
}

FigureBuilder& FigureBuilder::over(const std::string& arms,
                                   const std::vector<std::string>& metrics) {
  return add_over(arms, metrics, nullptr);
}

FigureBuilder& FigureBuilder::over(const std::string& arms, const std::vector<std::string>& metrics,
                                   double x, const std::string& arm) {
  const Series::Point one_more{x, arm};
  return add_over(arms, metrics, &one_more);
}

FigureBuilder& FigureBuilder::across(const std::string& arm) {
  std::optional<double> low, high;
  for (const Series& s : entry_.row.spec.series)
    for (const Series::Point& p : s.points) {
      low = std::min(low.value_or(p.x), p.x);
      high = std::max(high.value_or(p.x), p.x);
    }
  if (!low) return *this;
  return series({.label = source_.label_of_arm(arm), .points = {{*low, arm}, {*high, arm}}});
}

FigureBuilder& FigureBuilder::metrics(const std::string& label, const std::string& arm,
                                      const std::string& metrics) {
  FigureSpec& spec = entry_.row.spec;
  Series s{.label = label, .arm = arm};
  std::vector<Group> groups;
  for (const std::string& metric : metrics_like(source_, metrics, arm)) {
    const std::string star = *star_in(metrics, metric);
    double x = 0;
    if (spec.kind == "lines" && !parse_number(star, x)) continue;
    groups.push_back({star, ""});
    s.points.push_back({.x = x, .metric = metric});
  }
  if (spec.kind == "lines") return s.points.empty() ? *this : series(std::move(s));
  if (spec.series.empty()) spec.groups = groups;
  const auto names = [](const std::vector<Group>& of) {
    std::vector<std::string> all;
    for (const Group& g : of) all.push_back(g.label);
    return fmt::format("{}", fmt::join(all, ", "));
  };
  require(groups == spec.groups,
          "figure '{}': '{}' of '{}' makes the groups [{}], and [{}] are there already",
          entry_.row.id, metrics, arm, names(groups), names(spec.groups));
  return series(std::move(s));
}

FigureBuilder& FigureBuilder::rows(std::vector<std::string> labels) {
  entry_.row.spec.row_labels = std::move(labels);
  return *this;
}
FigureBuilder& FigureBuilder::columns(std::vector<std::string> labels) {
  entry_.row.spec.column_labels = std::move(labels);
  return *this;
}

// --- The list ---

FigureBuilder Figures::add(const std::string& id, FigureSpec spec) {
  for (const auto& other : entries_)
    require(other->row.id != id, "the figure '{}' is declared twice", id);
  const std::vector<std::string> words = source_.words.row(WordTable::figures, id, source_.values);
  spec.x_label = words[2];
  spec.y_label = words[3];
  entries_.push_back(std::make_unique<FigureBuilder::Entry>(
      FigureBuilder::Entry{{id, words[0], words[1], std::move(spec)}}));
  return {source_, *entries_.back()};
}

std::vector<std::string> Figures::arms_with(const std::vector<std::string>& metrics,
                                            bool final) const {
  std::vector<std::string> with;
  for (const ArmInfo& a : source_.arms)
    if (std::ranges::any_of(metrics,
                            [&](const std::string& m) { return source_.has(a.name, m, final); }))
      with.push_back(a.name);
  if (with.size() == source_.arms.size()) with.clear();
  return with;
}

FigureBuilder Figures::bars(const std::string& id, const std::string& metric) {
  const std::string of = metric.empty() ? id : metric;
  FigureSpec spec{.kind = "bars", .metric = of, .arms = arms_with({of}, true)};
  if (of == source_.published_metric)
    for (const ArmInfo& a : source_.arms)
      if (a.published && source_.has(a.name, of, true)) spec.reference[a.name] = *a.published;
  return add(id, std::move(spec));
}

FigureBuilder Figures::groups(const std::string& id, const std::vector<std::string>& metrics) {
  FigureSpec spec{.kind = "groups"};
  std::vector<std::string> all;
  for (const std::string& pattern : metrics)
    for (const std::string& metric : metrics_like(source_, pattern)) {
      spec.groups.push_back({source_.label_of_metric(metric), metric});
      all.push_back(metric);
    }
  if (!all.empty()) spec.arms = arms_with(all, true);
  return add(id, std::move(spec));
}

FigureBuilder Figures::by_arm(const std::string& id, const std::vector<std::string>& metrics) {
  FigureSpec spec{.kind = "groups"};
  std::vector<std::string> shown = arms_with(metrics, true);
  if (shown.empty())
    for (const ArmInfo& a : source_.arms) shown.push_back(a.name);
  for (const std::string& arm : shown) spec.groups.push_back({source_.label_of_arm(arm), ""});
  for (const std::string& metric : metrics) {
    Series s{.label = source_.label_of_metric(metric), .metric = metric};
    for (const std::string& arm : shown) s.points.push_back({.arm = arm});
    spec.series.push_back(std::move(s));
  }
  return add(id, std::move(spec));
}

FigureBuilder Figures::lines(const std::string& id, const std::string& metric) {
  const std::string of = metric.empty() ? id : metric;
  FigureSpec spec{.kind = "lines", .metric = of, .arms = arms_with({of}, false)};
  return add(id, std::move(spec));
}

FigureBuilder Figures::scatter(const std::string& id, const std::string& x_metric,
                               const std::string& metric) {
  FigureSpec spec{.kind = "scatter", .metric = metric, .x_metric = x_metric};
  spec.arms = arms_with({metric}, true);
  return add(id, std::move(spec));
}

FigureBuilder Figures::pictures(const std::string& id, const char* kind, int columns) {
  FigureBuilder b = add(id, {.kind = kind, .columns = columns});
  b.entry_.left_out = !source_.pictured.contains(id);
  return b;
}
FigureBuilder Figures::images(const std::string& id, int columns) {
  return pictures(id, "images", columns);
}
FigureBuilder Figures::texts(const std::string& id, int columns) {
  return pictures(id, "texts", columns);
}

std::vector<FigureRow> Figures::all() const {
  std::vector<FigureRow> rows;
  for (const auto& entry : entries_) {
    if (entry->left_out) continue;
    FigureSpec& spec = rows.emplace_back(entry->row).spec;
    const std::string y = spec.series.empty() ? spec.metric : spec.series.front().metric;
    if (spec.y_label.empty() && !y.empty()) spec.y_label = source_.label_of_metric(y);
    if (spec.x_label.empty() && !spec.x_metric.empty())
      spec.x_label = source_.label_of_metric(spec.x_metric);
  }
  return rows;
}

}  // namespace omni
