#include "report/sample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace omni {

namespace {

std::string counts_text(int diverged, int failed, int infinite, int without_value) {
  std::vector<std::string> parts;
  if (diverged) parts.push_back(fmt::format("{} diverged", diverged));
  if (failed) parts.push_back(fmt::format("{} failed", failed));
  if (infinite) parts.push_back(fmt::format("{} infinite", infinite));
  if (without_value) parts.push_back(fmt::format("{} without value", without_value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

ArmCount find(const std::map<std::string, ArmCount>& counts, const std::string& arm) {
  const auto found = counts.find(arm);
  return found == counts.end() ? ArmCount{} : found->second;
}

}  // namespace

std::string Sample::left_out() const {
  return counts_text(diverged, failed, summary.infinite,
                     summary.excluded - diverged - failed - summary.infinite);
}

Sample sample_of(const std::vector<SeedValue>& values, const ArmCount& count, const Range& range) {
  std::vector<double> numbers;
  for (const SeedValue& v : values) numbers.push_back(v.value);
  Sample s{summarize(numbers, 0.95, range), count.diverged, count.failed};
  s.summary.excluded = std::max(count.ok - s.summary.n, 0) + count.diverged + count.failed;
  return s;
}

Sample final_sample(const Results& results, const std::map<std::string, ArmCount>& counts,
                    const std::string& metric, const std::string& arm) {
  return sample_of(results.values(metric, arm), find(counts, arm), results.range(metric));
}

std::string lost_models_text(const std::map<std::string, ArmCount>& counts,
                             const std::vector<std::string>& arms) {
  ArmCount all;
  for (const std::string& arm : arms) {
    const ArmCount c = find(counts, arm);
    all.diverged += c.diverged;
    all.failed += c.failed;
  }
  return counts_text(all.diverged, all.failed, 0, 0);
}

}  // namespace omni
