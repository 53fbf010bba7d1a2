// Relearning attacks: how fast does a model regain what it was made to forget, when somebody trains
// it on that? The attacker may choose the learning rate after seeing the outcome, so that what
// counts at every step is the worst case over rates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/options.h"
#include "lab/trial.h"

namespace omni {

struct RelearningAttack {
  std::string name;           // "relearn forget": appears in progress and errors
  StepBuilder build;          // one step of training on the set "model" at the rate s.lr(); "loss"
  std::string on = {};        // this and the next three: as in Training
  int64_t samples = 0, batch = 0, steps = 0;
  std::vector<double> rates;  // learning rates, ascending
  StepBuilder probe;          // scalars of the set "model" over `rows` rows
  int64_t rows = 0;
  std::vector<int64_t> at;    // probed after these steps, ascending; 0: before the attack
  std::string result;         // of the probe: what the attacker wants to be large
  // Orders of batches and random values, and fresh parameters: they depend on this key and not on
  // the model, so that one key attacks several models alike.
  Key key;
  // Drawn again before the attack, by their own initialisers: an output layer that says "never"
  // to forgotten classes would otherwise be repaired before anything else is learned.
  std::vector<std::string> fresh = {};
  FrozenSets frozen = {};     // other sets that the graphs read
};

struct Relearned {
  struct Point {
    int64_t step = 0;
    double worst = 0;  // the largest result over rates; NaN if the attack diverged at every rate
    double rate = 0;   // that reached it; of equal ones the lowest
    bool inside = false;  // it is neither the lowest nor the highest: a wider list would not help
  };
  std::vector<Point> worst;                  // by step
  std::vector<double> rates;
  std::vector<std::vector<double>> by_rate;  // [rate][step]; NaN once a training has diverged

  const Point& at(int64_t step) const;  // UserError unless it was probed
  // The share of points after step 0 whose best rate is inside the list. Where it is 0 the list of
  // rates does not hold the strongest attack: widen it.
  double inside_share() const;
};

// Attacks the model at every rate, always from where it is now. UserError for an empty list of rates
// or steps, for
// steps beyond the attack's end, and for what Trial::train refuses.
Relearned relearn(Trial& t, const Ensemble& model, const RelearningAttack& attack);

// Keeps the worst case as a curve of the arm: metric over step.
void record_curve(Trial& t, const std::string& arm, const std::string& metric, const Relearned& r);

// The attacker as options, and what is recorded of it.
struct AttackOptions {
  std::vector<int64_t> attack_at = {0, 5, 10, 20, 40, 80, 160};
  int64_t early = 20, attack_batch = 64;
  std::vector<double> rates = {3e-4, 1e-3, 3e-3, 1e-2};

  void visit(auto&& option) {
    option("attack_at", attack_at, "the attack is measured after these steps and ends at the last",
           between(0, 100000), harmless_if_including("claims name their steps"));
    option("early", early, "the one of these steps that heads the table of conditions",
           between(0, 100000), harmless("it heads a table, and claims name their steps"));
    // Never harmless: with more to choose from the attacker is another one.
    option("rates", rates, "learning rates that the attacker may choose from", between(0, 10));
    option("attack_batch", attack_batch, "samples per step of the attack", between(1, 60000));
    option.check([this] { check_attack(); });  // what does not ascend; an `early` not measured
  }

  // With the options' steps, rates and batch.
  RelearningAttack chosen(RelearningAttack a) const;
  // Attacks an arm's model by chosen(a). Keeps the curve "relearned<ending>" and adds to the arm's
  // metrics what is "regained<ending>" after `early` steps and "best_rate_inside<ending>".
  Relearned attack(Trial& t, const std::string& arm, const Trained& model, RelearningAttack a,
                   std::map<std::string, double>& metrics, const std::string& ending = "") const;

 private:
  void check_attack() const;
};

}  // namespace omni
