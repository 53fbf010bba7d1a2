// Whether the rate of training depends on how many models are resident at once.
#pragma once

#include "bench/figures.h"
#include "bench/measure.h"
#include "bench/workload.h"

namespace omni::bench {

struct ResidentModels {
  std::string name;  // of the figure, "models.lowest_over_highest"
  Build build;
  int64_t batch;
  int64_t phase_steps;  // that a model is trained for before the worker goes on to the next
  std::vector<int64_t> counts;
  const DataTable& data = random_images();
};

// Adds the lowest over the highest of the rates with so many models, and returns the rates, in steps
// per second: a row per count.
Rates compare_resident_models(Bench& b, const ResidentModels& r);

}  // namespace omni::bench
