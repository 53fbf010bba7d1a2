#include "report/figure.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "report/gnuplot.h"
#include "report/text.h"
#include "store/files.h"

namespace omni {

namespace {

// Okabe and Ito's colours, told apart with any colour vision; yellow is too pale for lines.
constexpr uint32_t kColours[] = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                 0xE69F00, 0x56B4E9, 0x8C8C8C};
constexpr size_t kColourCount = std::size(kColours);

struct Point {
  double x = 0;
  Summary y;
};

struct Line {
  std::string name, label;
  std::vector<Point> points;
};

std::vector<double> numbers(const std::vector<SeedValue>& values) {
  std::vector<double> out;
  for (const SeedValue& v : values) out.push_back(v.value);
  return out;
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

std::string setup(const FigureSpec& spec, int width, int height) {
  return fmt::format(
      "set encoding utf8\n"
      "set terminal svg noenhanced size {},{} font 'sans-serif,13' linewidth 1 butt\n"
      "set border 3 linecolor '#8c8c8c' linewidth 0.8\n"
      "set tics nomirror out scale 0.5 textcolor 'black'\n"
      "set grid linetype 1 linecolor '#d4d4d4' linewidth 0.6\n"
      "set xlabel {}\nset ylabel {}\n",
      width, height, gnuplot_text(spec.x_label), gnuplot_text(spec.y_label));
}

// --- bars ---------------------------------------------------------------------------------------

DrawnFigure draw_bars(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<ArmInfo> arms = chosen_arms(results, figure);
  DrawnFigure out;
  out.csv = "arm,label,kind,seed,value,low,high\n";
  std::string bars, dots, references, tics;
  double low = 0, high = 0;
  const auto extend = [&](double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  };
  for (size_t i = 0; i < arms.size(); ++i) {
    const double y = -static_cast<double>(i);
    const auto values = results.values(spec.metric, arms[i].name);
    const Summary s = summarize(numbers(values));
    const std::string start = csv_cell(arms[i].name) + ',' + csv_cell(arms[i].label);
    tics += fmt::format("{}{} {}", i ? ", " : "", gnuplot_text(arms[i].label), y);
    if (s.n > 0) {
      const Interval shown = s.interval.known() ? s.interval : Interval{s.mean, s.mean};
      bars += fmt::format("{} {} {} {} {}\n", s.mean, y, shown.low, shown.high,
                          kColours[i % kColourCount]);
      out.csv += fmt::format("{},mean,,{},{},{}\n", start, csv_number(s.mean),
                             csv_number(s.interval.low), csv_number(s.interval.high));
      extend(shown.low);
      extend(shown.high);
    }
    for (const SeedValue& v : values) {
      out.csv += fmt::format("{},seed,{},{},,\n", start, v.seed, csv_number(v.value));
      if (!std::isfinite(v.value)) continue;
      // The jitter keeps dots apart; it depends on the seed alone, so pictures are reproducible.
      const double jitter =
          Stream(Key::of(static_cast<uint64_t>(v.seed)).fold("jitter")).uniform() - 0.5;
      dots += fmt::format("{} {}\n", v.value, y + 0.4 * jitter);
      extend(v.value);
    }
    const auto reference = spec.reference.find(arms[i].name);
    if (reference != spec.reference.end()) {
      references += fmt::format("{} {}\n", reference->second, y);
      out.csv += fmt::format("{},published,,{},,\n", start, csv_number(reference->second));
      extend(reference->second);
    }
  }
  require(!bars.empty(), "figure '{}': no model has a final value of '{}'", figure.id, spec.metric);
  if (spec.level_line) extend(*spec.level_line);
  const double room = 0.03 * (high - low);
  low = spec.y_low.value_or(low < 0 ? low - room : 0);
  high = spec.y_high.value_or(high > 0 ? high + room : 0);
  if (!(high > low)) high = low + 1;

  FigureSpec turned = spec;  // bars lie: the value runs along x
  std::swap(turned.x_label, turned.y_label);
  std::string script = setup(turned, 720, 105 + 44 * static_cast<int>(arms.size()));
  script += "$bars << EOD\n" + bars + "EOD\n$dots << EOD\n" + dots + "EOD\n";
  script += fmt::format("set xrange [{}:{}]\nset yrange [{}:0.6]\n", low, high,
                        -static_cast<double>(arms.size()) + 0.4);
  script += "set ytics scale 0 (" + tics + ")\nset grid noytics\nset border 1\n";
  const bool labelled = spec.level_line && !spec.level_label.empty();
  script += fmt::format("set tmargin {}\n", labelled ? 3.6 : 2.4);
  script += "set key at graph 1,screen 0.98 right top horizontal Right samplen 1.5 "
            "textcolor 'black'\n";
  // A zero axis where bars may lie on both sides of it.
  script += fmt::format("set arrow from {0},{1} to {0},0.6 nohead back linecolor '#8c8c8c'\n",
                        std::max(low, 0.0), -static_cast<double>(arms.size()) + 0.4);
  if (spec.level_line) {
    script += fmt::format(
        "set arrow from {0},{1} to {0},0.6 nohead back linecolor '#8c8c8c' dashtype 2\n",
        *spec.level_line, -static_cast<double>(arms.size()) + 0.4);
    if (labelled)
      script += fmt::format(
          "set label {} at {},0.6 offset 0,0.6 center font ',11' textcolor 'black'\n",
          gnuplot_text(spec.level_label), *spec.level_line);
  }
  script +=
      "plot $bars using (0.5*$1):2:(0):1:($2-0.31):($2+0.31):5 with boxxyerror "
      "fillstyle solid 0.55 noborder linecolor rgb variable notitle";
  if (!dots.empty())
    script += ", $dots using 1:2 with points pointtype 7 pointsize 0.4 linecolor '#60404040' "
              "title 'one seed'";
  script += ", $bars using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.5 linewidth 1.8 "
            "linecolor 'black' title 'mean, 95 % interval'";
  if (!references.empty())
    script = "$references << EOD\n" + references + "EOD\n" + script +
             ", $references using 1:2 with points pointtype 12 pointsize 0.9 linewidth 1.6 "
             "linecolor '#D55E00' title 'published'";
  script += "\n";
  out.svg = run_gnuplot(script);
  return out;
}

// --- lines --------------------------------------------------------------------------------------

std::vector<Line> collect_lines(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  std::vector<Line> lines;
  for (const SweepLine& sweep : spec.sweep) {
    Line& line = lines.emplace_back(Line{sweep.label, sweep.label, {}});
    for (const auto& point : sweep.points)
      line.points.push_back({point.x, summarize(numbers(results.values(spec.metric, point.arm)))});
    std::ranges::sort(line.points, {}, &Point::x);
  }
  if (!spec.sweep.empty()) return lines;
  for (const ArmInfo& arm : chosen_arms(results, figure)) {
    Line line{arm.name, arm.label, {}};
    for (const auto& [step, values] : results.curve(spec.metric, arm.name))
      line.points.push_back({static_cast<double>(step), summarize(numbers(values))});
    if (!line.points.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

DrawnFigure draw_lines(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<Line> lines = collect_lines(results, figure);
  DrawnFigure out;
  out.csv = "line,label,x,n,mean,low,high\n";
  double smallest_x = INFINITY, smallest_y = INFINITY;  // positive ones, for logarithmic axes
  double first_x = INFINITY, last_x = -INFINITY;
  bool any = false, has_zero = false;
  for (const Line& line : lines)
    for (const Point& p : line.points) {
      out.csv += fmt::format("{},{},{},{},{},{},{}\n", csv_cell(line.name), csv_cell(line.label),
                             csv_number(p.x), p.y.n, csv_number(p.y.mean),
                             csv_number(p.y.interval.low), csv_number(p.y.interval.high));
      any |= p.y.n > 0;
      has_zero |= p.x <= 0;
      first_x = std::min(first_x, p.x);
      last_x = std::max(last_x, p.x);
      if (p.x > 0) smallest_x = std::min(smallest_x, p.x);
      if (p.y.mean > 0) smallest_y = std::min(smallest_y, p.y.mean);
    }
  require(any, "figure '{}': no model has values of '{}' to draw", figure.id, spec.metric);

  // On a logarithmic axis 0 stands half a decade before the first positive value, and says so.
  const double zero_at = std::isfinite(smallest_x) ? smallest_x / 3 : 1;
  const auto place = [&](double x) { return spec.log_x && x <= 0 ? zero_at : x; };
  const auto clip = [&](double y) {
    return spec.log_y && std::isfinite(smallest_y) ? std::max(y, smallest_y / 10) : y;
  };
  const size_t key_rows = (lines.size() + 2) / 3;
  std::string script = setup(spec, 720, 360 + 20 * static_cast<int>(key_rows));
  std::string plot;
  for (size_t i = 0; i < lines.size(); ++i) {
    script += fmt::format("$line{} << EOD\n", i);
    for (const Point& p : lines[i].points) {
      if (p.y.n == 0) continue;
      const Interval band = p.y.interval.known() ? p.y.interval : Interval{p.y.mean, p.y.mean};
      script += fmt::format("{} {} {} {}\n", place(p.x), p.y.mean, clip(band.low), clip(band.high));
    }
    script += "EOD\n";
    plot += fmt::format("{}$line{} using 1:3:4 with filledcurves fillstyle transparent solid 0.18 "
                        "noborder linecolor '#{:06X}' notitle",
                        i ? ", " : "plot ", i, kColours[i % kColourCount]);
  }
  for (size_t i = 0; i < lines.size(); ++i)
    plot += fmt::format(", $line{} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize "
                        "0.4 dashtype {} linecolor '#{:06X}' title {}",
                        i, i / kColourCount + 1, kColours[i % kColourCount],
                        gnuplot_text(lines[i].label));
  script += "set key tmargin left horizontal Left reverse maxcols 3 samplen 2 textcolor 'black'\n";
  if (spec.log_x) script += "set logscale x\n";
  if (spec.log_y) script += "set logscale y\n";
  if (spec.log_x && has_zero) script += fmt::format("set xtics add ('0' {})\n", zero_at);
  const auto limit = [](const std::optional<double>& v) {
    return v ? fmt::format("{}", *v) : std::string("*");
  };
  script += fmt::format("set yrange [{}:{}]\n", limit(spec.y_low), limit(spec.y_high));
  const double side = 0.02 * (last_x - first_x);
  if (spec.log_x)
    script += fmt::format("set xrange [{}:{}]\n", place(first_x) / 1.2, place(last_x) * 1.2);
  else if (side > 0)
    script += fmt::format("set xrange [{}:{}]\n", first_x - side, last_x + side);
  if (spec.level_line) {
    script += fmt::format("set arrow from graph 0,first {0} to graph 1,first {0} nohead back "
                          "linecolor '#8c8c8c' dashtype 2\n", *spec.level_line);
    if (!spec.level_label.empty())
      script += fmt::format("set label {} at graph 1,first {} right offset 0,0.5 font ',11' "
                            "textcolor 'black'\n",
                            gnuplot_text(spec.level_label), *spec.level_line);
  }
  out.svg = run_gnuplot(script + plot + "\n");
  return out;
}

// --- images -------------------------------------------------------------------------------------

bool is_base64(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '+' || c == '/' || c == '=';
  });
}

DrawnFigure draw_images(const FigureRow& figure) {
  constexpr int kTile = 80, kLabel = 20, kGap = 8;
  const FigureSpec& spec = figure.spec;
  const int columns = std::clamp(spec.columns, 1, 100);
  const int rows = (static_cast<int>(spec.images.size()) + columns - 1) / columns;
  DrawnFigure out;
  out.csv = "row,column,label\n";
  out.svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"12\">\n",
      columns * (kTile + kGap), rows * (kTile + kLabel + kGap));
  for (size_t i = 0; i < spec.images.size(); ++i) {
    const FigureImage& image = spec.images[i];
    require(is_base64(image.png_base64), "figure '{}': image {} is not base64", figure.id, i);
    const int row = static_cast<int>(i) / columns, column = static_cast<int>(i) % columns;
    const int x = column * (kTile + kGap), y = row * (kTile + kLabel + kGap);
    out.csv += fmt::format("{},{},{}\n", row, column, csv_cell(image.label));
    out.svg += fmt::format(
        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" "
        "href=\"data:image/png;base64,{}\"/>\n"
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"black\">{}</text>\n",
        x, y, kTile, kTile, image.png_base64, x + kTile / 2, y + kTile + 14,
        escape_html(image.label));
  }
  out.svg += "</svg>\n";
  return out;
}

}  // namespace

DrawnFigure draw_figure(const Results& results, const FigureRow& figure) {
  if (figure.spec.kind == "bars") return draw_bars(results, figure);
  if (figure.spec.kind == "lines") return draw_lines(results, figure);
  if (figure.spec.kind == "images") return draw_images(figure);
  fail_user("figure '{}': kind '{}' is unknown; known are bars, lines and images", figure.id,
            figure.spec.kind);
}

std::string inline_svg(const std::string& svg, const std::string& title) {
  const size_t start = svg.find("<svg");
  check(start != std::string::npos, "figure without an svg element");
  std::string element = svg.substr(start);
  const std::string named = "<title>" + escape_html(title) + "</title>";
  const std::string own = "<title>Gnuplot</title>";
  if (const size_t at = element.find(own); at != std::string::npos)
    element.replace(at, own.size(), named);
  element.insert(4, " role=\"img\"");
  return element;
}

}  // namespace omni
