// Claims 4 to 9 about UNDO; the thresholds come from the experiment.
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "base/statistics.h"
#include "lab/undo_study.h"

namespace omni {
namespace {

using namespace undo_arm;
using ValueOf = std::function<Quantity(const SeedValues&)>;
using ArmValue = std::function<Quantity(const SeedValues&, const std::string& arm)>;

// What an arm has regained after so many steps of attack.
ArmValue relearned(int64_t step) {
  return [step](const SeedValues& v, const std::string& arm) {
    return v.at_step(step, arm, "relearned");
  };
}

// Arm a minus arm b.
ValueOf more(int64_t step, const std::string& a, const std::string& b) {
  return [=, f = relearned(step)](const SeedValues& v) { return f(v, a) - f(v, b); };
}

// The least value over arms; NaN if one is missing.
ValueOf least(const std::vector<std::string>& arms, const ArmValue& f) {
  return [=](const SeedValues& v) {
    std::vector<Quantity> all;
    for (const std::string& arm : arms) all.push_back(f(v, arm));
    return least_of(all);
  };
}

// The least of the changes of f from one arm to the next.
ValueOf least_change(const std::vector<std::string>& arms, const ArmValue& f) {
  return [=](const SeedValues& v) {
    std::vector<Quantity> changes;
    for (size_t i = 1; i < arms.size(); ++i) changes.push_back(f(v, arms[i]) - f(v, arms[i - 1]));
    return least_of(changes);
  };
}

// What a claim needs and this run has not: to be shown in place of a verdict.
struct Missing {
  std::string alphas, betas, weak, end;
};

Missing missing_for(const UndoStudy& s, const UndoMarks& k) {
  Missing m;
  for (const double a : k.alphas)
    if (std::ranges::count(s.alphas, a) == 0)
      m.alphas = fmt::format("this run has no alpha of {}", a);
  for (const double b : {0.05, 0.1, 0.5})
    if (std::ranges::count(s.betas, b) == 0)
      m.betas = fmt::format("this run has no beta of {}; see --preset middle", b);
  if (std::ranges::count(s.alphas, UndoStudy::kBetaAlpha) == 0) m.betas = m.alphas;
  if (s.weak != s.weak_steps)
    m.weak = fmt::format("this run has weak={}, and it speaks of {}; see --preset middle", s.weak,
                         s.weak_steps);
  if (std::ranges::count(s.attack_at, k.end) == 0)
    m.end = fmt::format("this run's attack has no step {} and ends at {}; see --preset middle",
                        k.end, s.attack_at.back());
  return m;
}

}  // namespace

std::vector<ClaimSpec> UndoStudy::claims_at(const UndoMarks& k, const std::string& why_not) const {
  const std::string m = main_method(), taught = student(m);
  const auto above = [](double x) { return Claim{.kind = ClaimKind::above, .threshold = x}; };
  const auto gap = [](double x) {
    return Claim{.kind = ClaimKind::above, .threshold = x, .difference = true};
  };
  const Claim alike{.kind = ClaimKind::band, .low = -k.noise, .high = k.noise, .difference = true};
  const ArmValue steps = [](const SeedValues& v, const std::string& arm) {
    return v(arm, "steps");
  };
  const std::vector<std::string> undone_arms = all_undone(*this, m);
  std::vector<std::string> marked, defended = undone_arms;
  for (const double a : k.alphas) marked.push_back(undone(m, a));
  defended.insert(defended.end(), {m, taught, kLong, kFiltered});
  const double half = kBetaAlpha, most = control_alpha;
  const Missing missing = missing_for(*this, k);

  std::vector<ClaimSpec> c = {
      {"4a", fmt::format("The more damage, the less is regained in {} steps: it falls from each "
                         "alpha of {} to the next", k.soon, fmt::join(k.alphas, ", ")),
       gap(0),
       least_change(marked, [f = relearned(k.soon)](const SeedValues& v, const std::string& arm) {
         return -f(v, arm);
       }), {}, missing.alphas},
      {"4b", fmt::format("After {} steps too: the rank correlation of alpha with what is regained "
                         "is below {}", k.mid, k.correlation),
       {.kind = ClaimKind::below, .threshold = k.correlation},
       [=, f = relearned(k.mid), alphas = alphas](const SeedValues& v) {
         std::vector<double> found;
         for (const std::string& arm : undone_arms) found.push_back(f(v, arm));
         return within(spearman(alphas, found), -1, 1);
       }, {}, missing.alphas},
      {"4c", fmt::format("In {} steps the unlearned network regains {} more than UNDO at alpha {}",
                         k.mid, k.gain, most),
       gap(k.gain), more(k.mid, m, undone(m, most)), {}, missing.alphas},
      {"5a", "The more damage, the more steps of distillation: from one alpha to the next they "
             "fall by less than half a check", above(-0.5 * static_cast<double>(check_every)),
       least_change(undone_arms, steps), {}, missing.alphas},
      {"5b", fmt::format("Alpha {} takes more than twice the steps of alpha {}", k.alphas.back(),
                         k.low_alpha),
       gap(0),
       [=, high = undone(m, k.alphas.back()), low = undone(m, k.low_alpha)](const SeedValues& v) {
         return steps(v, high) - 2 * steps(v, low);
       }, {}, missing.alphas},
      {"6a", fmt::format("In {} steps the random student regains {} less than the unlearned "
                         "network it was distilled from", k.soon, k.student),
       gap(k.student), more(k.soon, m, taught)},
      {"6b", fmt::format("A longer distillation is a weaker defence: without the rule to stop, the "
                         "random student regains more in {} steps", k.soon),
       gap(0), more(k.soon, kLong, taught)},
      {"6c", fmt::format("Damage and distillation alone are no defence: where nothing was "
                         "unlearned, UNDO at alpha {} regains {} more in {} steps", most,
                         k.structure, k.soon),
       gap(k.structure), more(k.soon, kOpen, undone(m, most)), {}, missing.alphas},
      {"6d", fmt::format("The placebo keeps nothing: its retain accuracy is {} below the random "
                         "student's", k.placebo),
       gap(k.placebo),
       [=](const SeedValues& v) { return v(taught, "retain") - v(kPlacebo, "retain"); }},
      {"7a", fmt::format("The weaker unlearning leaves between {} and {} of forget accuracy",
                         k.weak_low, k.weak_high),
       {.kind = ClaimKind::band, .low = k.weak_low, .high = k.weak_high},
       [](const SeedValues& v) { return v(kWeak, "forget"); }, {}, missing.weak},
      {"7b", fmt::format("What a teacher still shows leaks: distilled from it, the random student "
                         "regains {} more in {} steps", k.leak, k.soon),
       gap(k.leak), more(k.soon, kWeakStudent, taught), {}, missing.weak}};
  for (const auto& [id, b] : {std::pair{"8a", 0.05}, {"8b", 0.5}})
    c.push_back({id, fmt::format("The size of the noise matters little: at alpha {}, beta {} "
                                 "regains as much in {} steps as 0.1, within {}", half, b, k.mid,
                                 k.noise),
                 alike, more(k.mid, with_beta(m, half, b), undone(m, half)), {}, missing.betas});
  c.push_back({"9a", fmt::format("Stronger attacks regain more from every defence: {} steps no "
                                 "less than {}", k.end, k.late),
               above(0),
               least(defended, [a = relearned(k.end), b = relearned(k.late)](
                                   const SeedValues& v, const std::string& arm) {
                 return a(v, arm) - b(v, arm);
               }), {}, missing.end});
  c.push_back({"9b", "The attacker's list of learning rates is wide enough: for every defence the "
                     "best one lies inside it at some step", above(0),
               least(defended, [](const SeedValues& v, const std::string& arm) {
                 return v(arm, "best_rate_inside");
               })});
  for (ClaimSpec& claim : c)
    if (!why_not.empty()) claim.why_not_judged = why_not;
  return c;
}

}  // namespace omni
