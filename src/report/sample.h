// The numbers behind a mean that is shown, and how many models are missing from it: no statistic of
// a report stands without that count.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "store/results.h"

namespace omni {

// The values of one metric over the models of one arm. Models that diverged or failed give none.
struct Sample {
  Summary summary;                 // `excluded`: all models of the arm that gave no finite value
  int diverged = 0, failed = 0;    // of the excluded ones
  std::string left_out() const;    // "1 diverged, 2 infinite, 1 without value"; empty if none is
};

// From `values`, of a metric of that range, of an arm of `count` models.
Sample sample_of(const std::vector<SeedValue>& values, const ArmCount& count, const Range& range);

// Of the final values. `counts` are results.counts(), asked for once by whoever needs many.
Sample final_sample(const Results& results, const std::map<std::string, ArmCount>& counts,
                    const std::string& metric, const std::string& arm);

// All that a set of arms has lost, in words for a caption; empty if nothing.
std::string lost_models_text(const std::map<std::string, ArmCount>& counts,
                             const std::vector<std::string>& arms);

}  // namespace omni
