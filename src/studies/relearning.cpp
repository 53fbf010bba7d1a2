#include "studies/relearning.h"

#include <algorithm>
#include <cmath>

#include "base/statistics.h"
#include "nn/corruption.h"

namespace omni {
namespace {

// The values of one training at the attack's steps.
std::vector<double> values_at(const Trained& t, const RelearningAttack& a) {
  std::vector<double> values(a.at.size(), kNaN);
  for (const Probed& p : t.probed) {
    const auto at = std::ranges::find(a.at, p.step);
    const auto value = p.values.find(a.result);
    require(value != p.values.end(), "attack {}: its probe gives no '{}'", a.name, a.result);
    if (at != a.at.end()) values[at - a.at.begin()] = value->second;
  }
  return values;
}

Training phase_of(const RelearningAttack& a, const Ensemble& start, double rate) {
  Training p;
  p.name = a.name;
  p.start = &start;
  p.frozen = a.frozen;
  p.build = a.build;
  p.on = a.on;
  p.samples = a.samples;
  p.batch = a.batch;
  p.steps = a.steps;
  p.order = a.key.fold("order");
  p.random = a.key.fold("random");
  p.lr = [rate](int64_t, int64_t) { return rate; };
  p.probe = Probe{a.probe, a.rows, a.at};
  return p;
}

void require_sound(const RelearningAttack& a) {
  require(a.steps >= 1, "attack {}: it needs at least one step", a.name);
  require(!a.rates.empty() && std::ranges::is_sorted(a.rates),
          "attack {}: it needs learning rates in ascending order", a.name);
  require(
      !a.at.empty() && std::ranges::is_sorted(a.at) && a.at.front() >= 0 && a.at.back() <= a.steps,
      "attack {}: it needs ascending steps from 0 to {} at which it is measured", a.name, a.steps);
}

}  // namespace

Relearned relearn(Trial& t, const Ensemble& model, const RelearningAttack& a) {
  require_sound(a);
  std::optional<Ensemble> redrawn;
  if (!a.fresh.empty() && !t.dry()) {
    redrawn = model.clone();
    reinitialise(*redrawn, 0, a.key.fold("fresh"), a.fresh);
  }
  const Ensemble& start = redrawn ? *redrawn : model;
  Relearned r{{}, a.rates, {}};
  for (const double rate : a.rates)
    r.by_rate.push_back(values_at(t.train(phase_of(a, start, rate)), a));
  for (size_t s = 0; s < a.at.size(); ++s) {
    Relearned::Point point{a.at[s], kNaN, kNaN, false};
    for (size_t i = 0; i < a.rates.size(); ++i) {
      const double value = r.by_rate[i][s];
      if (std::isnan(value) || value <= point.worst) continue;
      point = {a.at[s], value, a.rates[i], i > 0 && i + 1 < a.rates.size()};
    }
    r.worst.push_back(point);
  }
  return r;
}

const Relearned::Point& Relearned::at(int64_t step) const {
  const auto it = std::ranges::find(worst, step, &Point::step);
  require(it != worst.end(), "the attack was not measured after step {}", step);
  return *it;
}

double Relearned::inside_share() const {
  const auto later = std::ranges::count_if(worst, [](const Point& p) { return p.step > 0; });
  const auto inside =
      std::ranges::count_if(worst, [](const Point& p) { return p.step > 0 && p.inside; });
  return later > 0 ? static_cast<double>(inside) / static_cast<double>(later) : kNaN;
}

void record_curve(Trial& t, const std::string& arm, const std::string& metric, const Relearned& r) {
  for (const Relearned::Point& p : r.worst) t.curve(arm, metric, p.step, p.worst);
}

void AttackOptions::check_attack() const {
  require(!attack_at.empty() && std::ranges::is_sorted(attack_at) && attack_at.back() > 0,
          "attack_at: the steps must ascend and end above 0");
  require(std::ranges::find(attack_at, early) != attack_at.end(),
          "early={}: it must be one of the steps in attack_at", early);
  require(!rates.empty() && std::ranges::is_sorted(rates), "rates: they must ascend");
}

RelearningAttack AttackOptions::chosen(RelearningAttack a) const {
  a.batch = attack_batch;
  a.steps = attack_at.back();
  a.rates = rates;
  a.at = attack_at;
  return a;
}

Relearned AttackOptions::attack(Trial& t, const std::string& arm, const Trained& model,
                                RelearningAttack a, std::map<std::string, double>& metrics,
                                const std::string& ending) const {
  Relearned found = relearn(t, model.model, chosen(std::move(a)));
  record_curve(t, arm, "relearned" + ending, found);
  metrics["regained" + ending] = found.at(early).worst;
  metrics["best_rate_inside" + ending] = found.inside_share();
  return found;
}

}  // namespace omni
