#include "nn/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace omni {

double Schedule::operator()(int64_t step, int64_t total) const {
  check(step >= 0 && step < total, "schedule: step {} of {}", step, total);
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double p = static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
  switch (kind) {
    case Kind::constant:
      return 1;
    case Kind::linear:
      return 1 - (1 - final) * p;
    case Kind::cosine:
      return final + (1 - final) * (1 + std::cos(std::numbers::pi * p)) / 2;
  }
  return 1;
}

Schedule::Kind schedule_kind_from_name(const std::string& name) {
  static const std::vector<std::string> names = {"constant", "linear", "cosine"};
  const auto it = std::find(names.begin(), names.end(), name);
  require(it != names.end(), "no schedule '{}'{}", name, suggest(name, names));
  return static_cast<Schedule::Kind>(it - names.begin());
}

}  // namespace omni
