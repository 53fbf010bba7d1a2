// Figures of lines: a metric over steps, or over a swept option, with bands of 95 %.
#include <algorithm>
#include <cmath>
#include <set>

#include "report/drawing.h"
#include "report/gnuplot.h"
#include "store/files.h"

namespace omni {

namespace {

struct Point {
  double x = 0;
  Summary y;
};

std::vector<Point> points_of(const Results& results, const Summaries& summaries,
                             const Series& series) {
  std::vector<Point> points;
  for (const auto& [x, arm, metric] : series.points)
    points.push_back({x, summaries.final(metric, arm)});
  if (series.points.empty())
    for (const auto& [step, values] : results.curve(series.metric, series.arm))
      points.push_back({static_cast<double>(step), summaries.of(values, series.metric, series.arm)});
  std::erase_if(points, [](const Point& p) { return !std::isfinite(p.x) || p.y.n == 0; });
  std::ranges::stable_sort(points, {}, &Point::x);
  return points;
}

// The settings of a sweep, where they are few, in place of powers of ten.
std::string swept_tics(const std::vector<std::vector<Point>>& lines, const Axis& x) {
  constexpr size_t kMost = 10;
  std::set<double> places;
  for (const auto& points : lines)
    for (const Point& p : points) places.insert(p.x);
  if (places.size() > kMost) return "";
  std::string tics;
  double before = -1;
  for (const double v : places) {
    if (x.share(v) - before < 0.07) continue;  // its label would touch the one before
    before = x.share(v);
    tics += fmt::format("{}'{}' {}", tics.empty() ? "" : ", ",
                        v < 0 ? "≤ 0" : fmt::format("{:.6g}", v), x.at(v));
  }
  return fmt::format("set xtics ({})\n", tics);
}

}  // namespace

DrawnFigure draw_lines(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<Series> declared = full_series(results, figure);
  DrawnFigure out;
  out.csv = "line,x,n,left_out,mean,low,high\n";
  out.arms = arms_of(declared);
  const Summaries summaries(results);
  Axis x(spec.log_x), y(spec.log_y);
  std::vector<Series> series;
  std::vector<std::vector<Point>> lines;
  bool any = false;
  for (const Series& s : declared) {
    std::vector<Point> points = points_of(results, summaries, s);
    if (points.empty() && spec.series.empty()) continue;  // not every arm is trained
    for (const Point& p : points) {
      out.csv += fmt::format("{},{},{},{},{},{},{}\n", csv_cell(s.label), csv_number(p.x), p.y.n,
                             p.y.excluded, csv_number(p.y.mean), csv_number(p.y.interval.low),
                             csv_number(p.y.interval.high));
      any = true;
      x.include(p.x);
      y.include(p.y.mean);
      y.include(p.y.interval);
    }
    series.push_back(s);
    if (points.empty()) series.back().label += kNoValues;
    lines.push_back(std::move(points));
  }
  if (!any) {
    out.empty_because = why_nothing(results, declared);
    return out;
  }
  if (spec.level_line) y.include(*spec.level_line);
  x.finish({}, {});
  y.finish(spec.y_low, spec.y_high);

  const std::vector<Look> looks = Looks(results.arms()).of_series(series);
  const Legend legend(spec, series, looks, Legend::Sample::line);
  const int height = 326 + static_cast<int>(legend.height());
  std::string script = picture(spec, height) + legend.script(height) + x.script('x') +
                       y.script('y') + level_script(spec, y);
  if (x.logarithmic()) script += swept_tics(lines, x);
  std::string bands, means;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::string colour = looks[i].colour_name();
    script += fmt::format("$line{} << EOD\n", i);
    for (const Point& p : lines[i]) {
      const Interval band = shown_interval(p.y);
      script += fmt::format("{} {} {} {}\n", x.at(p.x), y.at(p.y.mean), y.within(band.low),
                            y.within(band.high));
    }
    script += "EOD\n";
    bands += fmt::format(
        "{}$line{} using 1:3:4 with filledcurves fillstyle transparent solid 0.18 "
        "noborder linecolor {} notitle",
        bands.empty() ? "plot " : ", ", i, colour);
    means += fmt::format(
        ", $line{} using 1:2 with linespoints linewidth 2 pointsize 0.4 {} "
        "pointtype {} linecolor {} notitle",
        i, looks[i].dash(), looks[i].marker(), colour);
  }
  out.svg = run_gnuplot(script + bands + means + "\n");
  return out;
}

}  // namespace omni
