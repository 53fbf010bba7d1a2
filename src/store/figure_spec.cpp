#include "store/figure_spec.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace omni {

using nlohmann::json;

std::string to_json(const FigureSpec& spec) {
  json j = {{"kind", spec.kind},       {"metric", spec.metric},
            {"arms", spec.arms},       {"x_label", spec.x_label},
            {"y_label", spec.y_label}, {"reference", spec.reference},
            {"log_x", spec.log_x},     {"log_y", spec.log_y},
            {"columns", spec.columns}, {"level_label", spec.level_label}};
  if (spec.level_line) j["level_line"] = *spec.level_line;
  if (spec.y_low) j["y_low"] = *spec.y_low;
  if (spec.y_high) j["y_high"] = *spec.y_high;
  for (const SweepLine& line : spec.sweep) {
    json points = json::array();
    for (const auto& point : line.points) points.push_back({{"x", point.x}, {"arm", point.arm}});
    j["sweep"].push_back({{"label", line.label}, {"points", points}});
  }
  for (const FigureImage& image : spec.images)
    j["images"].push_back({{"label", image.label}, {"png_base64", image.png_base64}});
  // Names may come from anywhere: bytes that are no UTF-8 are shown as such, not thrown at.
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

FigureSpec figure_spec_from_json(const std::string& text) {
  FigureSpec spec;
  try {
    const json j = json::parse(text);
    spec.kind = j.at("kind");
    spec.metric = j.value("metric", "");
    spec.arms = j.value("arms", spec.arms);
    spec.x_label = j.value("x_label", "");
    spec.y_label = j.value("y_label", "");
    spec.reference = j.value("reference", spec.reference);
    spec.log_x = j.value("log_x", false);
    spec.log_y = j.value("log_y", false);
    spec.columns = j.value("columns", spec.columns);
    spec.level_label = j.value("level_label", "");
    if (j.contains("level_line")) spec.level_line = j["level_line"].get<double>();
    if (j.contains("y_low")) spec.y_low = j["y_low"].get<double>();
    if (j.contains("y_high")) spec.y_high = j["y_high"].get<double>();
    for (const json& line : j.value("sweep", json::array())) {
      SweepLine& to = spec.sweep.emplace_back();
      to.label = line.at("label");
      for (const json& point : line.at("points"))
        to.points.push_back({point.at("x"), point.at("arm")});
    }
    for (const json& image : j.value("images", json::array()))
      spec.images.push_back({image.at("label"), image.at("png_base64")});
  } catch (const json::exception& e) {
    fail_user("figure: its description is malformed: {}", e.what());
  }
  return spec;
}

}  // namespace omni
