#include "store/figure_spec.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace omni {

using nlohmann::json;

namespace {

// JSON knows no NaN and no infinity: they are written as null.
double number(const json& j) { return j.is_null() ? std::nan("") : j.get<double>(); }

void put(json& to, const char* name, const std::optional<double>& value) {
  if (value && std::isfinite(*value)) to[name] = *value;
}

std::optional<double> limit(const json& from, const char* name) {
  if (!from.contains(name) || from[name].is_null()) return {};
  return from[name].get<double>();
}

json json_of(const Series& series) {
  json j = {{"label", series.label}, {"arm", series.arm}, {"metric", series.metric},
            {"points", json::array()}};
  for (const auto& [x, arm, metric] : series.points)
    j["points"].push_back({{"x", x}, {"arm", arm}, {"metric", metric}});
  return j;
}

Series series_of(const json& j) {
  Series series{.label = j.at("label"), .arm = j.value("arm", ""), .metric = j.value("metric", "")};
  for (const json& point : j.at("points"))
    series.points.push_back({number(point.at("x")), point.at("arm"), point.value("metric", "")});
  return series;
}

}  // namespace

std::string to_json(const FigureSpec& spec) {
  json j = {{"kind", spec.kind},
            {"metric", spec.metric},
            {"x_metric", spec.x_metric},
            {"arms", spec.arms},
            {"series", json::array()},
            {"groups", json::array()},
            {"x_label", spec.x_label},
            {"y_label", spec.y_label},
            {"reference", spec.reference},
            {"level_label", spec.level_label},
            {"log_x", spec.log_x},
            {"log_y", spec.log_y},
            {"columns", spec.columns},
            {"row_labels", spec.row_labels},
            {"column_labels", spec.column_labels}};
  put(j, "level_line", spec.level_line);
  put(j, "y_low", spec.y_low);
  put(j, "y_high", spec.y_high);
  for (const Series& series : spec.series) j["series"].push_back(json_of(series));
  for (const Group& group : spec.groups)
    j["groups"].push_back({{"label", group.label}, {"metric", group.metric}});
  // Names may come from anywhere: bytes that are no UTF-8 are shown as such, not thrown at.
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

FigureSpec figure_spec_from_json(const std::string& text) {
  FigureSpec spec;
  try {
    const json j = parse_json(text, "figure");
    spec.kind = j.at("kind");
    spec.metric = j.value("metric", "");
    spec.x_metric = j.value("x_metric", "");
    spec.arms = j.value("arms", spec.arms);
    // Runs of version 0.1.0 have it under the second name.
    for (const char* name : {"series", "sweep"})
      for (const json& series : j.value(name, json::array()))
        spec.series.push_back(series_of(series));
    for (const json& group : j.value("groups", json::array()))
      spec.groups.push_back({group.at("label"), group.value("metric", "")});
    spec.x_label = j.value("x_label", "");
    spec.y_label = j.value("y_label", "");
    for (const auto& [arm, value] : j.value("reference", std::map<std::string, json>{}))
      spec.reference[arm] = number(value);
    spec.level_line = limit(j, "level_line");
    spec.level_label = j.value("level_label", "");
    spec.log_x = j.value("log_x", false);
    spec.log_y = j.value("log_y", false);
    spec.y_low = limit(j, "y_low");
    spec.y_high = limit(j, "y_high");
    if (j.contains("columns")) spec.columns = int_at(j, "columns", "figure");
    require(spec.columns >= 1, "figure: 'columns' is {}, expected at least 1", spec.columns);
    spec.row_labels = j.value("row_labels", spec.row_labels);
    spec.column_labels = j.value("column_labels", spec.column_labels);
  } catch (const json::exception& e) {
    fail_user("figure: its description is malformed: {}", e.what());
  }
  return spec;
}

}  // namespace omni
