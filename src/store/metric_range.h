// Where the values of a metric can lie, declared once by its experiment and stored with the
// results: every interval of the metric, and of its differences, keeps to it.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/statistics.h"

namespace omni {

// In place of an end where there is none: {"loss", 0, kNoEnd}.
inline constexpr double kNoEnd = std::numeric_limits<double>::infinity();

struct MetricRange {
  std::string metric;  // a name, or "forget*" for all that begin so
  double low = 0, high = 1;
  double cases = 0;  // of a share: of at least how many test cases; 0: not known
};

// The first that fits; without ends if none does.
Range range_of(std::span<const MetricRange> ranges, std::string_view metric);

std::string to_json(std::span<const MetricRange> ranges);
std::vector<MetricRange> metric_ranges_from_json(const std::string& text);  // UserError if damaged

}  // namespace omni
