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

void note_loss(Standing& standing, size_t program, float loss) {
  ProgramStanding& at = standing.programs[program];
  at.loss = loss;
  if (std::isnan(at.first_loss)) at.first_loss = loss;
  if (!standing.diverged_at && has_diverged(loss, at.first_loss))
    standing.diverged_at = standing.round + 1;
}

float rate_after(const ProgramStart& program, int64_t rounds) {
  if (program.rates.empty()) return 0;
  const int64_t last = std::ssize(program.rates) - 1;
  return program.rates[static_cast<size_t>(std::min(rounds, last))];
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
