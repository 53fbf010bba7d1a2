#include "report/drawing.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "report/gnuplot.h"
#include "report/sample.h"
#include "report/text.h"

namespace omni {

namespace {

constexpr double kDecade = 10;
constexpr double kLevelWidth = 150, kLevelFont = 11;  // of the label of a level, in pixels
constexpr double kHuge = 1e100, kTiny = 1e-100;

size_t letters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

std::string first_of(const std::string& a, const std::string& b) { return a.empty() ? b : a; }

// Each point's metric is the first that is named of its own, its series', its group's and the
// figure's.
void fill_groups(const FigureRow& figure, Series& series) {
  const std::vector<Group>& groups = figure.spec.groups;
  if (series.points.empty()) series.points.resize(groups.size());
  require(series.points.size() == groups.size(),
          "figure '{}': series '{}' has {} points for {} groups; give one for each", figure.id,
          series.label, series.points.size(), groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    Series::Point& point = series.points[i];
    point.x = static_cast<double>(i);
    if (point.metric.empty()) point.metric = first_of(series.metric, groups[i].metric);
  }
}

std::set<std::string> arms_of(const Series& series) {
  std::set<std::string> arms;
  if (series.points.empty()) arms.insert(series.arm);
  for (const Series::Point& point : series.points) arms.insert(point.arm);
  return arms;
}

}  // namespace

double text_width(std::string_view text, double font_size) {
  return 0.52 * font_size * static_cast<double>(letters(text));
}

std::string shortened(std::string_view text, double width, double font_size) {
  std::string out = one_line(text);
  if (text_width(out, font_size) <= width) return out;
  const double room = (width - 0.8 * font_size) / text_width("x", font_size);
  size_t kept = 0, end = 0;  // whole letters that fit before the ellipsis
  while (end < out.size() && static_cast<double>(kept) + 1 <= room) {
    do ++end;
    while (end < out.size() && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80);
    ++kept;
  }
  return out.substr(0, end) + "…";
}

Summary Summaries::final(const std::string& metric, const std::string& arm) const {
  return of(results_.values(metric, arm), metric, arm);
}

Summary Summaries::of(const std::vector<SeedValue>& values, const std::string& metric,
                      const std::string& arm) const {
  const auto count = counts_.find(arm);
  return sample_of(values, count == counts_.end() ? ArmCount{} : count->second,
                   results_.range(metric))
      .summary;
}

bool has_interval(const Summary& s) {
  return std::isfinite(s.interval.low) && std::isfinite(s.interval.high);
}

Interval shown_interval(const Summary& s) {
  return has_interval(s) ? s.interval : Interval{s.mean, s.mean};
}

std::vector<ArmInfo> chosen_arms(const Results& results, const FigureRow& figure) {
  const std::vector<ArmInfo> all = results.arms();
  if (figure.spec.arms.empty()) return all;
  std::vector<ArmInfo> chosen;
  for (const std::string& name : figure.spec.arms) {
    const auto found = std::ranges::find(all, name, &ArmInfo::name);
    require(found != all.end(), "figure '{}': there is no arm '{}'", figure.id, name);
    chosen.push_back(*found);
  }
  return chosen;
}

std::vector<Series> full_series(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  std::vector<Series> all = spec.series;
  if (all.empty())
    for (const ArmInfo& arm : chosen_arms(results, figure))
      all.push_back({.label = arm.label, .points = {}, .arm = arm.name});
  std::vector<std::string> known;
  for (const ArmInfo& arm : results.arms()) known.push_back(arm.name);
  for (Series& series : all) {
    if (spec.kind == "groups") fill_groups(figure, series);
    if (spec.kind == "scatter" && series.points.empty()) series.points.resize(1);
    series.metric = first_of(series.metric, spec.metric);
    for (Series::Point& point : series.points) {
      point.arm = first_of(point.arm, series.arm);
      point.metric = first_of(point.metric, series.metric);
    }
    const std::set<std::string> arms = arms_of(series);
    // Of a sweep's arms some may be absent at some of its settings; all of them are a slip.
    const bool any_known = std::ranges::any_of(
        arms, [&](const std::string& arm) { return std::ranges::find(known, arm) != known.end(); });
    if (!arms.empty() && !any_known)
      fail_user("figure '{}', series '{}': there is no arm '{}'{}", figure.id, series.label,
                *arms.begin(), suggest(*arms.begin(), known));
  }
  return all;
}

std::vector<std::string> arms_of(std::span<const Series> series) {
  std::set<std::string> arms;
  for (const Series& s : series) arms.merge(arms_of(s));
  return {arms.begin(), arms.end()};
}

std::string why_nothing(const Results& results, std::span<const Series> series) {
  std::set<std::string> arms, metrics;
  for (const Series& s : series) {
    arms.merge(arms_of(s));
    if (s.points.empty()) metrics.insert(s.metric);
    for (const Series::Point& point : s.points) metrics.insert(point.metric);
  }
  ArmCount n;
  for (const auto& [arm, count] : results.counts()) {
    if (!arms.contains(arm)) continue;
    n.ok += count.ok;
    n.diverged += count.diverged;
    n.failed += count.failed;
  }
  if (n.ok + n.diverged + n.failed == 0) return "no model of its arms has been measured";
  if (n.ok == 0)
    return fmt::format("of its models {} diverged, {} failed and none is left", n.diverged,
                       n.failed);
  if (metrics.empty()) return "it names no metric";
  const std::string first = *metrics.begin();
  return fmt::format("no model has a value of '{}'{}", first,
                     metrics.size() > 1 ? fmt::format(" or of {} others", metrics.size() - 1) : "");
}

// --- axes ---------------------------------------------------------------------------------------

double Axis::at(double value) const {
  return logarithmic_ && value <= 0 ? zero_ : std::clamp(value, -kHuge, kHuge);
}

void Axis::include(double value) {
  if (!std::isfinite(value)) return;
  value = std::clamp(value, -kHuge, kHuge);
  if (std::fabs(value) < kTiny) value = 0;
  least_ = any_ ? std::min(least_, value) : value;
  most_ = any_ ? std::max(most_, value) : value;
  if (value > 0) smallest_ = smallest_ > 0 ? std::min(smallest_, value) : value;
  any_ = true;
}

void Axis::include(const Interval& interval) {
  if (std::isfinite(interval.low) && std::isfinite(interval.high)) intervals_.push_back(interval);
}

void Axis::span_values() {
  low_ = at(least_);
  high_ = most_;
  for (const Interval& i : intervals_) {
    low_ = std::min(low_, logarithmic_ ? std::max(i.low, smallest_ / kDecade) : at(i.low));
    high_ = std::max(high_, at(i.high));
  }
}

void Axis::finish(std::optional<double> low, std::optional<double> high) {
  logarithmic_ = wants_log_ && smallest_ > 0;
  // Below the power of ten that is labelled next, not on it.
  if (logarithmic_) zero_ = std::pow(10, std::floor(std::log10(smallest_))) / 3;
  span_values();
  if (logarithmic_ && high_ < 3 * low_) {  // too short to differ from a linear one, or for labels
    logarithmic_ = false;
    span_values();
  }
  const double span = logarithmic_ ? std::log10(high_) - std::log10(low_) : high_ - low_;
  if (logarithmic_) {
    const double room = std::pow(10, std::max(0.05 * span, 0.05));
    low_ /= room;
    high_ *= room;
  } else {
    const double room = span > 0 ? 0.05 * span : high_ != 0 ? 0.1 * std::fabs(high_) : 1;
    // An axis of values that are never negative does not begin below 0, and the reverse.
    low_ = low_ >= 0 ? std::max(0.0, low_ - room) : low_ - room;
    high_ = high_ <= 0 && span > 0 ? std::min(0.0, high_ + room) : high_ + room;
  }
  if (low && (!logarithmic_ || *low > 0)) low_ = *low;
  if (high && (!logarithmic_ || *high > 0)) high_ = *high;
  if (!(high_ > low_)) high_ = logarithmic_ ? low_ * kDecade : low_ + 1;
}

double Axis::within(double value) const { return std::clamp(at(value), low_, high_); }

double Axis::share(double value) const {
  const double v = at(value);
  if (!logarithmic_) return (v - low_) / (high_ - low_);
  return (std::log(v) - std::log(low_)) / (std::log(high_) - std::log(low_));
}

std::string Axis::script(char name) const {
  std::string script = fmt::format("set {}range [{}:{}]\n", name, low_, high_);
  if (!logarithmic_) return script;
  script += fmt::format("set logscale {0}\nset format {0} '%g'\n", name);
  if (std::log10(high_) - std::log10(low_) < 2) {  // powers of ten alone would be too few
    std::string tics;
    for (double power = std::pow(10, std::floor(std::log10(low_))); power < high_; power *= 10)
      for (const int digit : {1, 2, 5})
        if (const double v = digit * power; v >= std::max(low_, least_ > 0 ? 0 : 2 * zero_))
          tics += fmt::format("{}{:.6g}", tics.empty() ? "" : ", ", v);
    script += fmt::format("set {}tics ({})\n", name, tics);
  }
  if (least_ <= 0)
    script += fmt::format("set {}tics add ('{}' {})\n", name, least_ < 0 ? "≤ 0" : "0", zero_);
  return script;
}

// --- pieces of scripts --------------------------------------------------------------------------

std::string picture(const FigureSpec& spec, int height) {
  return fmt::format(
      "set encoding utf8\n"
      "set terminal svg noenhanced size {},{} font 'sans-serif,13' linewidth 1 butt\n"
      "set border 3 linecolor '#8c8c8c' linewidth 0.8\n"
      "set tics nomirror out scale 0.5 textcolor 'black'\n"
      "set grid linetype 1 linecolor '#d4d4d4' linewidth 0.6\n"
      "set errorbars 0.6\n"
      "set xlabel {}\nset ylabel {}\n",
      kFigureWidth, height, gnuplot_text(shortened(spec.x_label, kFigureWidth - 100, 13)),
      gnuplot_text(shortened(spec.y_label, height, 13)));
}

double level_room(const FigureSpec& spec) {
  if (!spec.level_line || spec.level_label.empty()) return 24;
  return 16 + std::min(kLevelWidth, 1.1 * text_width(spec.level_label, kLevelFont));
}

constexpr double kLegendLeft = 84, kLegendRow = 20, kLegendSample = 26, kLegendFont = 13;

Legend::Legend(const FigureSpec& spec, std::span<const Series> series, std::span<const Look> looks,
               Sample sample)
    : sample_(sample) {
  if (series.size() < 2) return;
  const double right = kFigureWidth - level_room(spec);
  double left = kLegendLeft;
  rows_ = 1;
  for (size_t i = 0; i < series.size(); ++i) {
    const std::string text =
        shortened(series[i].label, right - kLegendLeft - kLegendSample - 6, kLegendFont);
    // Readers' fonts differ: a tenth more than reckoned, and a gap.
    const double width = kLegendSample + 6 + 1.1 * text_width(text, kLegendFont) + 16;
    if (left > kLegendLeft && left + width > right + 16) {
      left = kLegendLeft;
      ++rows_;
    }
    entries_.push_back({text, left, rows_ - 1, looks[i]});
    left += width;
  }
}

double Legend::height() const { return 14 + kLegendRow * rows_; }

std::string Legend::script(double picture_height) const {
  std::string script =
      fmt::format("set key off\nset tmargin at screen {}\n", 1 - height() / picture_height);
  for (const Entry& e : entries_) {
    const double y = 1 - (8 + kLegendRow * (e.row + 0.5)) / picture_height;
    const auto x = [](double pixels) { return pixels / kFigureWidth; };
    const std::string colour = e.look.colour_name();
    if (sample_ == Sample::box) {
      const double half = 5 / picture_height;
      script += fmt::format(
          "set object rectangle from screen {},screen {} to screen {},screen {} "
          "front fillcolor rgb {} fillstyle solid {} noborder\n",
          x(e.left), y - half, x(e.left + kLegendSample), y + half, colour, e.look.fill());
    } else {
      script += fmt::format(
          "set arrow from screen {},screen {} to screen {},screen {} nohead front "
          "linewidth 2 linecolor {} {}\n",
          x(e.left), y, x(e.left + kLegendSample), y, colour, e.look.dash());
      script += fmt::format(
          "set label '' at screen {},screen {} point pointtype {} pointsize 0.5 "
          "linecolor {} front\n",
          x(e.left + kLegendSample / 2), y, e.look.marker(), colour);
    }
    script += fmt::format("set label {} at screen {},screen {} left front textcolor 'black'\n",
                          gnuplot_text(e.text), x(e.left + kLegendSample + 6), y);
  }
  return script;
}

std::string level_script(const FigureSpec& spec, const Axis& y) {
  if (!spec.level_line || (y.logarithmic() && *spec.level_line <= 0)) return "";
  std::string script = fmt::format(
      "set arrow from graph 0,first {0} to graph 1,first {0} nohead back linecolor '#8c8c8c' "
      "dashtype 2\n",
      *spec.level_line);
  if (!spec.level_label.empty())
    script += fmt::format(
        "set rmargin at screen {}\n"
        "set label {} at graph 1,first {} left offset 0.6,0 font ',{}' "
        "textcolor 'black'\n",
        1 - level_room(spec) / kFigureWidth,
        gnuplot_text(shortened(spec.level_label, kLevelWidth, kLevelFont)), *spec.level_line,
        kLevelFont);
  return script;
}

}  // namespace omni
