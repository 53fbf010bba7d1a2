// What a figure shows, declared by the experiment and stored with the results; the report draws it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace omni {

// One line of a figure over a swept option: at each x stands the arm that was run with it.
struct SweepLine {
  std::string label;
  struct Point {
    double x = 0;
    std::string arm;
  };
  std::vector<Point> points;
};

struct FigureImage {
  std::string label;
  std::string png_base64;
};

struct FigureSpec {
  std::string kind = "bars";  // bars: an arm each; lines: over step, or over `sweep`; images
  std::string metric;         // bars, lines
  std::vector<std::string> arms;  // empty: all arms
  std::string x_label, y_label;
  std::map<std::string, double> reference;  // bars: arm -> published value, drawn as a marker
  std::optional<double> level_line;         // a dashed horizontal line, for instance chance
  std::string level_label;
  std::vector<SweepLine> sweep;  // lines: instead of steps
  bool log_x = false, log_y = false;
  std::optional<double> y_low, y_high;  // axis limits; absent: chosen from the values
  std::vector<FigureImage> images;
  int columns = 8;  // of images
};

std::string to_json(const FigureSpec& spec);
FigureSpec figure_spec_from_json(const std::string& text);  // UserError when it is malformed

}  // namespace omni
