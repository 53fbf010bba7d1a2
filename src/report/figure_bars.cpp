// Figures of bars: lying ones, an arm each, and standing ones in groups.
#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "report/drawing.h"
#include "report/gnuplot.h"
#include "report/text.h"
#include "store/files.h"

namespace omni {

DrawnFigure draw_bars(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<ArmInfo> arms = chosen_arms(results, figure);
  DrawnFigure out;
  out.csv = "arm,label,kind,seed,value,low,high,n,left_out\n";
  const Summaries summaries(results);
  const Looks looks(results.arms());
  std::string bars, dots, references, tics;
  Axis along(false);
  along.include(0);
  for (size_t i = 0; i < arms.size(); ++i) {
    const double y = -static_cast<double>(i);
    const auto values = results.values(spec.metric, arms[i].name);
    const Summary s = summaries.final(spec.metric, arms[i].name);
    out.arms.push_back(arms[i].name);
    const std::string start = csv_cell(arms[i].name) + ',' + csv_cell(arms[i].label);
    tics += fmt::format("{}{} {}", i ? ", " : "",
                        gnuplot_tic(shortened(arms[i].label, kLongestArm, 13)), y);
    if (s.n > 0) {
      const Interval shown = shown_interval(s);
      bars += fmt::format("{} {} {} {} {}\n", along.at(s.mean), y, along.at(shown.low),
                          along.at(shown.high), looks.of_arm(arms[i].name).colour);
      out.csv +=
          fmt::format("{},mean,,{},{},{},{},{}\n", start, csv_number(s.mean),
                      csv_number(s.interval.low), csv_number(s.interval.high), s.n, s.excluded);
      along.include(s.mean);
      along.include(shown);
    }
    for (const SeedValue& v : values) {
      out.csv += fmt::format("{},seed,{},{},,,,\n", start, v.seed, csv_number(v.value));
      if (!std::isfinite(v.value)) continue;
      // The jitter keeps dots apart; it depends on the seed alone, so pictures are reproducible.
      const double jitter =
          Stream(Key::of(static_cast<uint64_t>(v.seed)).fold("jitter")).uniform() - 0.5;
      dots += fmt::format("{} {}\n", along.at(v.value), y + 0.4 * jitter);
      along.include(v.value);
    }
    const auto reference = spec.reference.find(arms[i].name);
    if (reference != spec.reference.end() && std::isfinite(reference->second)) {
      references += fmt::format("{} {}\n", along.at(reference->second), y);
      out.csv += fmt::format("{},published,,{},,,,\n", start, csv_number(reference->second));
      along.include(reference->second);
    }
  }
  if (bars.empty()) {
    std::vector<Series> series;
    for (const ArmInfo& arm : arms) series.push_back({.arm = arm.name, .metric = spec.metric});
    out.empty_because = why_nothing(results, series);
    return out;
  }
  if (spec.level_line) along.include(*spec.level_line);
  along.finish(spec.y_low, spec.y_high);
  const double low = along.low();

  FigureSpec turned = spec;  // bars lie: the value runs along x
  std::swap(turned.x_label, turned.y_label);
  std::string script = picture(turned, 105 + 44 * static_cast<int>(arms.size()));
  script += "$bars << EOD\n" + bars + "EOD\n$dots << EOD\n" + dots + "EOD\n";
  script += along.script('x');
  script += fmt::format("set yrange [{}:0.6]\n", -static_cast<double>(arms.size()) + 0.4);
  script += "set ytics scale 0 (" + tics + ")\nset grid noytics\nset border 1\n";
  const bool labelled = spec.level_line && !spec.level_label.empty();
  script += fmt::format("set tmargin {}\n", labelled ? 3.6 : 2.4);
  script +=
      "set key at graph 1,screen 0.98 right top horizontal Right samplen 1.5 "
      "textcolor 'black'\n";
  // A zero axis where bars may lie on both sides of it.
  script += fmt::format("set arrow from {0},{1} to {0},0.6 nohead back linecolor '#8c8c8c'\n",
                        std::max(low, 0.0), -static_cast<double>(arms.size()) + 0.4);
  if (spec.level_line) {
    script += fmt::format(
        "set arrow from {0},{1} to {0},0.6 nohead back linewidth 0.9 linecolor '#8c8c8c' "
        "dashtype 2\n",
        *spec.level_line, -static_cast<double>(arms.size()) + 0.4);
    if (labelled)
      script +=
          fmt::format("set label {} at {},0.6 offset 0,0.6 center font ',11' textcolor 'black'\n",
                      gnuplot_text(shortened(spec.level_label, 400, 11)), *spec.level_line);
  }
  script +=
      "plot $bars using (0.5*$1):2:(0):1:($2-0.31):($2+0.31):5 with boxxyerror "
      "fillstyle solid 0.55 noborder linecolor rgb variable notitle";
  if (!dots.empty())
    script +=
        ", $dots using 1:2 with points pointtype 7 pointsize 0.4 linecolor '#60404040' "
        "title 'one seed'";
  script +=
      ", $bars using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.5 linewidth 1.8 "
      "linecolor 'black' title 'mean, 95 % interval'";
  if (!references.empty())
    script = "$references << EOD\n" + references + "EOD\n" + script +
             ", $references using 1:2 with points pointtype 12 pointsize 0.9 linewidth 1.6 "
             "linecolor '#D55E00' title 'published'";
  script += "\n";
  out.svg = run_gnuplot(script);
  return out;
}

DrawnFigure draw_groups(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<Series> declared = full_series(results, figure);
  DrawnFigure out;
  out.csv = "series,group,arm,metric,n,left_out,mean,low,high\n";
  out.arms = arms_of(declared);
  const Summaries summaries(results);
  Axis y(spec.log_y);
  std::vector<Series> series;
  std::vector<std::vector<Summary>> bars;  // [series][group]
  bool any = false;
  for (const Series& s : declared) {
    std::vector<Summary> of_series;
    bool has_values = false;
    for (size_t g = 0; g < s.points.size(); ++g) {
      const auto& [x, arm, metric] = s.points[g];
      const Summary& bar = of_series.emplace_back(summaries.final(metric, arm));
      out.csv += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_cell(s.label),
                             csv_cell(spec.groups[g].label), csv_cell(arm), csv_cell(metric), bar.n,
                             bar.excluded, csv_number(bar.mean), csv_number(bar.interval.low),
                             csv_number(bar.interval.high));
      has_values |= bar.n > 0;
      y.include(bar.mean);
      y.include(bar.interval);
    }
    any |= has_values;
    if (!has_values && spec.series.empty()) continue;  // not every arm is measured
    series.push_back(s);
    if (!has_values) series.back().label += kNoValues;
    bars.push_back(std::move(of_series));
  }
  if (!any) {
    out.empty_because = spec.groups.empty() ? "it has no groups" : why_nothing(results, declared);
    return out;
  }
  if (!spec.log_y) y.include(0);
  if (spec.level_line) y.include(*spec.level_line);
  y.finish(spec.y_low, spec.y_high);

  // Labels of groups that would touch each other are turned; these must not pass the left edge.
  constexpr double kTurn = 35, kCosine = 0.82, kSine = 0.57, kLeft = 84;
  const double room = 600.0 / static_cast<double>(spec.groups.size());
  double widest = 0;
  std::string tics;
  for (size_t g = 0; g < spec.groups.size(); ++g) {
    const double most = (kLeft + room * (static_cast<double>(g) + 0.5)) / kCosine;
    const std::string label = shortened(spec.groups[g].label, std::min(240.0, most), 13);
    widest = std::max(widest, text_width(label, 13));
    tics += fmt::format("{}{} {}", g ? ", " : "", gnuplot_tic(label), g);
  }
  const bool turned = widest > 0.95 * room;
  const std::vector<Look> looks = Looks(results.arms()).of_series(series);
  const Legend legend(spec, series, looks, Legend::Sample::box);
  const int height =
      326 + static_cast<int>(legend.height()) + (turned ? static_cast<int>(kSine * widest) : 0);
  std::string script =
      picture(spec, height) + legend.script(height) + y.script('y') + level_script(spec, y);
  script += fmt::format("set xrange [-0.6:{}]\nset xtics scale 0 {} ({})\nset grid noxtics\n",
                        static_cast<double>(spec.groups.size()) - 0.4,
                        turned ? fmt::format("rotate by {} right", kTurn) : "norotate", tics);
  // Bars stand on 0, or on the axis where it does not show 0.
  const double base = y.logarithmic() ? y.low() : y.within(0);
  if (base > y.low())
    script += fmt::format(
        "set arrow from graph 0,first {0} to graph 1,first {0} nohead back "
        "linecolor '#8c8c8c'\n",
        base);
  const double width = 0.8 / static_cast<double>(series.size());
  std::string boxes, whiskers;
  for (size_t i = 0; i < series.size(); ++i) {
    std::string rows, spans;
    for (size_t g = 0; g < bars[i].size(); ++g) {
      const Summary& bar = bars[i][g];
      if (bar.n == 0) continue;
      const double middle = static_cast<double>(g) - 0.4 + (static_cast<double>(i) + 0.5) * width;
      rows += fmt::format("{} {} {} {} {} {}\n", middle, base, middle - 0.46 * width,
                          middle + 0.46 * width, base, y.within(bar.mean));
      if (has_interval(bar))
        spans += fmt::format("{0} {1} {0} {0} {2} {3}\n", middle, y.within(bar.mean),
                             y.within(bar.interval.low), y.within(bar.interval.high));
    }
    if (rows.empty()) continue;
    boxes += boxes.empty() ? "plot " : ", ";
    boxes += fmt::format(
        "$bars{} using 1:2:3:4:5:6 with boxxyerror fillstyle solid {} noborder "
        "linecolor {} notitle",
        i, looks[i].fill(), looks[i].colour_name());
    script += fmt::format("$bars{} << EOD\n{}EOD\n", i, rows);
    if (spans.empty()) continue;
    script += fmt::format("$spans{} << EOD\n{}EOD\n", i, spans);
    // Not yerrorbars: gnuplot 5.4 lays white discs under their points.
    whiskers += fmt::format(
        ", $spans{} using 1:2:3:4:5:6 with xyerrorbars pointtype 7 pointsize "
        "0.3 linewidth 1.4 linecolor 'black' notitle",
        i);
  }
  out.svg = run_gnuplot(script + boxes + whiskers + "\n");
  return out;
}

}  // namespace omni
