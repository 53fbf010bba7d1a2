// Ranges of metrics, as kept in the results of a run.
#include "base/error.h"
#include "fuzz/target.h"
#include "store/metric_range.h"

namespace omni::fuzz {

const MemoryBound kMemory{1 << 20, 150};

void read(std::string_view input) {
  const std::vector<MetricRange> ranges = metric_ranges_from_json(std::string(input));
  const std::string text = to_json(ranges);
  check(to_json(metric_ranges_from_json(text)) == text, "reads back as other ranges: {}", text);
  range_of(ranges, "accuracy");
}

}  // namespace omni::fuzz
