// What the kinds of figure share: colours, legend, axes, and a declared series with all that it
// inherits. For the files beside this one.
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "report/figure.h"
#include "report/looks.h"
#include "store/results.h"

namespace omni {

inline constexpr int kFigureWidth = 720;  // of the whole picture, in pixels

inline constexpr double kLongestArm = 300;  // of an arm's name beside its bar, in pixels

inline constexpr const char* kNoValues = " (no values)";  // after a series' name in the legend

// Rough, as the picture's font is the reader's.
double text_width(std::string_view text, double font_size);
std::string shortened(std::string_view text, double width, double font_size);

// Means of final values, whose `excluded` counts the models of the arm that are missing from them.
class Summaries {
 public:
  explicit Summaries(const Results& results) : results_(results), counts_(results.counts()) {}
  Summary final(const std::string& metric, const std::string& arm) const;
  Summary of(const std::vector<SeedValue>& values, const std::string& metric,
             const std::string& arm) const;

 private:
  const Results& results_;
  std::map<std::string, ArmCount> counts_;
};

bool has_interval(const Summary& s);        // that can be drawn
Interval shown_interval(const Summary& s);  // the mean alone where there is none

// The arms that a figure names, or all. UserError for one that is not there.
std::vector<ArmInfo> chosen_arms(const Results& results, const FigureRow& figure);

// The series of a figure, one per chosen arm where it declares none; arms and metrics are filled
// in. UserError when no arm of a series is there.
std::vector<Series> full_series(const Results& results, const FigureRow& figure);

// Every arm that any of them shows.
std::vector<std::string> arms_of(std::span<const Series> series);

// Why there is nothing to draw of these, in words.
std::string why_nothing(const Results& results, std::span<const Series> series);

// UserError for a damaged file: a figure's pictures or texts, in their order, stand at positions 0
// to most - 1.
void require_positions(const FigureRow& figure, const char* what, const auto& things,
                       int64_t most) {
  require(things.front().position >= 0 && things.back().position < most,
          "figure '{}': {} stands at position {}; expected 0 to {}", figure.id, what,
          things.back().position, most - 1);
}

// One axis: takes in what must be seen, then knows its range.
class Axis {
 public:
  explicit Axis(bool logarithmic) : wants_log_(logarithmic) {}
  void include(double value);              // what is not finite is passed over
  void include(const Interval& interval);  // makes room, on a logarithmic axis a decade at most
  void finish(std::optional<double> low, std::optional<double> high);

  bool logarithmic() const { return logarithmic_; }
  double low() const { return low_; }
  double high() const { return high_; }
  // Where a value stands. On a logarithmic axis 0, and what lies below, stands half a decade below
  // the smallest positive value. Nothing stands beyond what gnuplot can scale.
  double at(double value) const;
  double within(double value) const;    // at the nearest end where it lies outside
  double share(double value) const;     // 0 at the low end, 1 at the high one
  std::string script(char name) const;  // range and scale of axis 'x' or 'y'

 private:
  void span_values();  // low_ and high_ from what was included

  bool wants_log_, logarithmic_ = false;
  double smallest_ = 0, least_ = 0, most_ = 0;  // smallest positive value; extremes of values
  double low_ = 0, high_ = 0, zero_ = 0;
  bool any_ = false;
  std::vector<Interval> intervals_;
};

// Terminal, border, grid and titles of the axes.
std::string picture(const FigureSpec& spec, int height);

// Names of series above the plot, in rows that hold as many as fit, beside samples of how they
// look. It is laid out here, since gnuplot's own key may take more rows than there is room for. A
// figure of one series has none: it would say nothing.
class Legend {
 public:
  enum class Sample { line, box };
  Legend(const FigureSpec& spec, std::span<const Series> series, std::span<const Look> looks,
         Sample sample);
  int rows() const { return rows_; }
  double height() const;  // pixels, from the picture's upper edge to the plot's
  // Sets the plot's upper edge below the legend in a picture of this height.
  std::string script(double picture_height) const;

 private:
  struct Entry {
    std::string text;
    double left = 0;  // pixels
    int row = 0;
    Look look;
  };
  Sample sample_;
  std::vector<Entry> entries_;
  int rows_ = 0;
};

// The dashed line of a figure whose values run along y; its label stands right of the plot, where
// nothing is drawn.
double level_room(const FigureSpec& spec);  // pixels right of the plot
std::string level_script(const FigureSpec& spec, const Axis& y);

DrawnFigure draw_bars(const Results& results, const FigureRow& figure);
DrawnFigure draw_groups(const Results& results, const FigureRow& figure);
DrawnFigure draw_lines(const Results& results, const FigureRow& figure);
DrawnFigure draw_scatter(const Results& results, const FigureRow& figure);
DrawnFigure draw_images(const Results& results, const FigureRow& figure);
DrawnFigure draw_texts(const Results& results, const FigureRow& figure);

}  // namespace omni
