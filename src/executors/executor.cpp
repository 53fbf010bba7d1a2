#include "executors/executor.h"

#include <algorithm>

namespace omni {
namespace {

// So many times what it was at the first step, or 1 where that was less.
constexpr double kExplosion = 1e6;

}  // namespace

bool has_diverged(float loss, float first_loss) {
  const double first = std::abs(double{first_loss});
  return !std::isfinite(loss) || std::abs(double{loss}) > kExplosion * std::max(1.0, first);
}

bool is_sessions_own(const std::string& input) {
  return input == "index" || input == "key" || input == "step" || input == "lr";
}

}  // namespace omni
