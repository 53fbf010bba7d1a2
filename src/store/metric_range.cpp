#include "store/metric_range.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace omni {

using nlohmann::json;

Range range_of(std::span<const MetricRange> ranges, std::string_view metric) {
  for (const MetricRange& r : ranges) {
    const std::string_view name = r.metric;
    const bool fits =
        name.ends_with('*') ? metric.starts_with(name.substr(0, name.size() - 1)) : metric == name;
    if (fits) return {r.low, r.high, r.cases};
  }
  return {};
}

namespace {

// What JSON cannot say is null.
double end_of(const json& j, double none) { return j.is_null() ? none : j.get<double>(); }

}  // namespace

std::string to_json(std::span<const MetricRange> ranges) {
  json list = json::array();
  for (const MetricRange& r : ranges)
    list.push_back({{"metric", r.metric}, {"low", r.low}, {"high", r.high}, {"cases", r.cases}});
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<MetricRange> metric_ranges_from_json(const std::string& text) {
  std::vector<MetricRange> ranges;
  try {
    const json list = json::parse(text.empty() ? "[]" : text);
    require(list.is_array(), "the ranges of metrics in the results are damaged: they are no list");
    for (const json& j : list)
      ranges.push_back({j.at("metric"), end_of(j.at("low"), -kNoEnd), end_of(j.at("high"), kNoEnd),
                        j.at("cases")});
  } catch (const json::exception& e) {
    fail_user("the ranges of metrics in the results are damaged: {}", e.what());
  }
  return ranges;
}

}  // namespace omni
