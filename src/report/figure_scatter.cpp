// Figures of points: one metric against another, means with 95 % intervals in both directions,
// each arm named beside its point.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "report/drawing.h"
#include "report/gnuplot.h"
#include "report/text.h"
#include "store/files.h"

namespace omni {

namespace {

constexpr double kFont = 11, kLeft = 84, kBelow = 70, kPlotHeight = 360;

struct Point {
  std::string arm, metric, label;  // label: empty where the legend says it
  Summary x, y;
  bool drawn() const { return x.n > 0 && y.n > 0; }
};

std::vector<Point> points_of(const Summaries& summaries, const FigureSpec& spec,
                             const Series& series,
                             const std::map<std::string, std::string>& labels) {
  std::set<std::string> arms;
  for (const Series::Point& p : series.points) arms.insert(p.arm);
  const bool named_by_legend = arms.size() < series.points.size() && arms.size() == 1;
  std::vector<Point> points;
  for (const auto& [x, arm, metric] : series.points) {
    const auto label = labels.find(arm);
    points.push_back(
        {arm, metric, named_by_legend || label == labels.end() ? "" : label->second,
         spec.x_metric.empty() ? summarize(std::array{x}) : summaries.final(spec.x_metric, arm),
         summaries.final(metric, arm)});
  }
  return points;
}

// --- labels: rectangles in pixels, x to the right and y upwards, from the plot's lower left corner

struct Box {
  double left = 0, right = 0, low = 0, high = 0;
};

double overlap(const Box& a, const Box& b) {
  return std::max(0.0, std::min(a.right, b.right) - std::max(a.left, b.left)) *
         std::max(0.0, std::min(a.high, b.high) - std::max(a.low, b.low));
}

// What labels must not cover (points, labels placed before) and should not (whiskers, lines).
struct Obstacles {
  double plot_width = 0;
  std::vector<Box> hard, soft;

  void line(double x0, double y0, double x1, double y1) {  // as a row of small boxes
    const int n = std::max(1, static_cast<int>(std::hypot(x1 - x0, y1 - y0) / 4));
    for (int i = 0; i <= n; ++i) {
      const double t = static_cast<double>(i) / n;
      const double x = x0 + t * (x1 - x0), y = y0 + t * (y1 - y0);
      soft.push_back({x - 2, x + 2, y - 2, y + 2});
    }
  }
  double cost(const Box& box) const {
    double cost = 0;
    for (const Box& other : hard) cost += 20 * overlap(box, other);
    for (const Box& other : soft) cost += overlap(box, other);
    const Box plot = {2, plot_width - 2, 2, kPlotHeight - 2};
    const double area = (box.right - box.left) * (box.high - box.low);
    return cost + 100 * std::max(0.0, area - overlap(box, plot) - 1e-6);
  }
};

// The cheapest of places on growing rings around the point; nearer ones come first.
Box place_label(const Obstacles& obstacles, double x, double y, double width) {
  constexpr double kHeight = kFont + 3;
  constexpr int kDirections[][2] = {{1, 0}, {-1, 0}, {0, 1},  {0, -1},
                                    {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
  Box best;
  double lowest = INFINITY;
  for (int ring = 0; ring < 5; ++ring)
    for (const auto& [dx, dy] : kDirections) {
      const double gap = 7 + 13 * ring;
      const double middle_x = x + dx * (gap + width / 2), middle_y = y + dy * (gap + kHeight / 2);
      const Box box = {middle_x - width / 2, middle_x + width / 2, middle_y - kHeight / 2,
                       middle_y + kHeight / 2};
      const double cost = obstacles.cost(box) + 12 * ring;
      if (cost < lowest) {
        lowest = cost;
        best = box;
      }
    }
  return best;
}

std::string label_script(const std::vector<std::vector<Point>>& all, bool joined, const Axis& x,
                         const Axis& y, double plot_width) {
  const auto px = [&](double v) { return plot_width * x.share(v); };
  const auto py = [&](double v) { return kPlotHeight * y.share(v); };
  Obstacles obstacles{plot_width, {}, {}};
  for (const auto& points : all) {
    const Point* before = nullptr;
    for (const Point& p : points) {
      if (!p.drawn()) continue;
      const double at_x = px(p.x.mean), at_y = py(p.y.mean);
      obstacles.hard.push_back({at_x - 5, at_x + 5, at_y - 5, at_y + 5});
      const Interval across = shown_interval(p.x), along = shown_interval(p.y);
      obstacles.line(px(x.within(across.low)), at_y, px(x.within(across.high)), at_y);
      obstacles.line(at_x, py(y.within(along.low)), at_x, py(y.within(along.high)));
      if (before && joined) obstacles.line(px(before->x.mean), py(before->y.mean), at_x, at_y);
      before = &p;
    }
  }
  std::string script;
  for (const auto& points : all)
    for (const Point& p : points) {
      if (!p.drawn() || p.label.empty()) continue;
      const std::string text = shortened(p.label, 220, kFont);
      const double at_x = px(p.x.mean), at_y = py(p.y.mean);
      const Box box = place_label(obstacles, at_x, at_y, text_width(text, kFont));
      obstacles.hard.push_back(box);
      const double near_x = std::clamp(at_x, box.left, box.right);
      const double near_y = std::clamp(at_y, box.low, box.high);
      if (std::hypot(near_x - at_x, near_y - at_y) > 12)  // too far to be told without a line
        script += fmt::format(
            "set arrow from graph {},{} to graph {},{} nohead back linewidth 0.7 "
            "linecolor '#8c8c8c'\n",
            at_x / plot_width, at_y / kPlotHeight, near_x / plot_width, near_y / kPlotHeight);
      const char* side = box.left >= at_x ? "left" : box.right <= at_x ? "right" : "center";
      const double anchor = box.left >= at_x    ? box.left
                            : box.right <= at_x ? box.right
                                                : (box.left + box.right) / 2;
      script += fmt::format("set label {} at graph {},{} {} front font ',{}' textcolor 'black'\n",
                            gnuplot_text(text), anchor / plot_width,
                            (box.low + box.high) / 2 / kPlotHeight, side, kFont);
    }
  return script;
}

}  // namespace

DrawnFigure draw_scatter(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  std::vector<Series> series = full_series(results, figure);
  std::map<std::string, std::string> labels;
  for (const ArmInfo& arm : results.arms()) labels[arm.name] = arm.label;
  DrawnFigure out;
  out.csv = "series,arm,metric,x_n,x_left_out,x,x_low,x_high,y_n,y_left_out,y,y_low,y_high\n";
  out.arms = arms_of(series);
  const Summaries summaries(results);
  Axis x(spec.log_x), y(spec.log_y);
  std::vector<std::vector<Point>> all;
  bool any = false;
  for (Series& s : series) {
    bool has_values = false;
    for (const Point& p : all.emplace_back(points_of(summaries, spec, s, labels))) {
      out.csv += fmt::format("{},{},{}", csv_cell(s.label), csv_cell(p.arm), csv_cell(p.metric));
      for (const Summary& v : {p.x, p.y})
        out.csv += fmt::format(",{},{},{},{},{}", v.n, v.excluded, csv_number(v.mean),
                               csv_number(v.interval.low), csv_number(v.interval.high));
      out.csv += '\n';
      if (!p.drawn()) continue;
      has_values = true;
      x.include(p.x.mean);
      x.include(p.x.interval);
      y.include(p.y.mean);
      y.include(p.y.interval);
    }
    any |= has_values;
    if (!has_values) s.label += kNoValues;
  }
  if (!any) {
    out.empty_because = why_nothing(results, series);
    if (!spec.x_metric.empty())
      out.empty_because += fmt::format("; each point needs it and a value of '{}'", spec.x_metric);
    return out;
  }
  if (spec.level_line) y.include(*spec.level_line);
  x.finish({}, {});
  y.finish(spec.y_low, spec.y_high);

  // Arms that are points of their own have their names beside them; only series need a legend.
  const bool joined = !spec.series.empty();
  const std::vector<Look> looks = Looks(results.arms()).of_series(series);
  const Legend legend(spec, joined ? std::span<const Series>(series) : std::span<const Series>{},
                      looks, Legend::Sample::line);
  const double right = level_room(spec), above = legend.height();
  const double height = above + kPlotHeight + kBelow;
  std::string script = picture(spec, static_cast<int>(height)) + legend.script(height);
  script += fmt::format(
      "set lmargin at screen {}\nset rmargin at screen {}\n"
      "set bmargin at screen {}\n",
      kLeft / kFigureWidth, 1 - right / kFigureWidth, kBelow / height);
  script += x.script('x') + y.script('y') + level_script(spec, y) +
            label_script(all, joined, x, y, kFigureWidth - kLeft - right);
  std::string whiskers, points;
  for (size_t i = 0; i < all.size(); ++i) {
    std::string rows;
    for (const Point& p : all[i]) {
      if (!p.drawn()) continue;
      const Interval across = shown_interval(p.x), along = shown_interval(p.y);
      rows +=
          fmt::format("{} {} {} {} {} {}\n", x.at(p.x.mean), y.at(p.y.mean), x.within(across.low),
                      x.within(across.high), y.within(along.low), y.within(along.high));
    }
    if (rows.empty()) continue;
    const std::string colour = looks[i].colour_name();
    script += fmt::format("$points{} << EOD\n{}EOD\n", i, rows);
    whiskers += fmt::format(
        ", $points{} using 1:2:3:4:5:6 with xyerrorbars pointtype 0 "
        "linewidth 1 linecolor {} notitle",
        i, colour);
    points += fmt::format(
        ", $points{} using 1:2 with {} linewidth 1.6 pointsize 0.7 {} "
        "pointtype {} linecolor {} notitle",
        i, joined ? "linespoints" : "points", looks[i].dash(), looks[i].marker(), colour);
  }
  out.svg = run_gnuplot(script + "plot " + (whiskers + points).substr(2) + "\n");
  return out;
}

}  // namespace omni
