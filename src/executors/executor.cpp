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

void Session::rounds(std::span<const Turn> turns, int64_t count) {
  for (; count > 0; --count) {
    const int64_t round = standing().round;
    for (const Turn& t : turns)
      if ((round + 1) % t.every == 0) run(t.program, t.runs);
    end_round();
    if (standing().round == round) return;  // it stands still
  }
}

bool is_sessions_own(const std::string& input) {
  return input == "index" || input == "key" || input == "step" || input == "lr";
}

}  // namespace omni
