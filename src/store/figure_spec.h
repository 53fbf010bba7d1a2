// What a figure shows, declared by the experiment and stored with the results; the report draws it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace omni {

// One entry of a figure's legend and the values it joins, each a metric of an arm. What a point
// leaves empty is its series', and what the series leaves empty is the figure's.
struct Series {
  std::string label = {};
  struct Point {
    double x = 0;  // where it stands, in figures over a swept option
    std::string arm = {}, metric = {};
    bool operator==(const Point&) const = default;
  };
  std::vector<Point> points = {};
  std::string arm = {}, metric = {};
  bool operator==(const Series&) const = default;
};

// A cluster of bars, one of each series.
struct Group {
  std::string label = {};
  std::string metric = {};  // of the series that name none
  bool operator==(const Group&) const = default;
};

// kind     what it draws
// bars     A bar per arm, with every seed as a dot; knows no series.
// groups   Clusters of bars: point i of each series stands in group i. A series without points has
//          the groups' metrics; without series there is one per arm.
// lines    Over steps the series without points, final values over x those with points; without
//          series a line over steps per arm.
// scatter  y against x, means with intervals in both directions; a series' points are joined in
//          their order. Without series a point per arm.
// images   What Results::record_image keeps under the figure's id.
// texts    What Results::record_text keeps, side by side in columns.
struct FigureSpec {
  std::string kind = "bars";
  std::string metric = {};             // along y (of bars, which lie: along x)
  std::string x_metric = {};           // scatter; empty: the points' x
  std::vector<std::string> arms = {};  // in place of series; empty: all arms
  std::vector<Series> series = {};
  std::vector<Group> groups = {};
  std::string x_label = {}, y_label = {};
  std::map<std::string, double> reference = {};  // bars: arm -> published value, as a marker
  std::optional<double> level_line = {};         // a dashed line at this value, such as chance
  std::string level_label = {};
  bool log_x = false, log_y = false;
  std::optional<double> y_low = {}, y_high = {};  // axis limits; absent: chosen from the values
  int columns = 8;                                // of images and texts
  std::vector<std::string> row_labels = {}, column_labels = {};  // of these; may be fewer
  bool operator==(const FigureSpec&) const = default;
};

// Numbers that are not finite are kept as missing: NaN, or an absent limit.
std::string to_json(const FigureSpec& spec);
FigureSpec figure_spec_from_json(const std::string& text);  // UserError when it is malformed

}  // namespace omni
