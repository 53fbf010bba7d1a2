#include "lab/epochs.h"

#include <algorithm>
#include <utility>

#include "lab/subset.h"

namespace omni {

int64_t steps_per_epoch(const Trial& t, const Training& how) {
  require(how.batch >= 1, "an epoch over '{}' has no steps: the phase has no batch", how.on);
  return (rows_of(t, how.on) + how.batch - 1) / how.batch;
}

std::vector<int64_t> doublings(int64_t n) {
  std::vector<int64_t> all;
  for (int64_t i = 1; i < n; i *= 2) all.push_back(i);
  all.push_back(n);
  return all;
}

void look_after_epochs(const Trial& t, Training& how, const std::string& on,
                       const std::vector<int64_t>& epochs, StepBuilder build) {
  const int64_t steps = steps_per_epoch(t, how);
  Probe probe{std::move(build), rows_of(t, on), {}, 0, on};
  for (const int64_t epoch : epochs)
    if (epoch <= how.epochs) probe.at.push_back(epoch * steps);
  std::ranges::sort(probe.at);
  probe.at.erase(std::unique(probe.at.begin(), probe.at.end()), probe.at.end());
  how.probe = std::move(probe);
}

void epoch_curves(Trial& t, const std::string& arm, const Trained& m, const Training& how) {
  const int64_t steps = steps_per_epoch(t, how);
  for (const Probed& seen : m.probed)
    for (const auto& [name, value] : seen.values) t.curve(arm, name, seen.step / steps, value);
}

}  // namespace omni
