// What experiments share that make a language model forget some stories: the repair of an ablated
// model, and an attack that trains it on a few of the forgotten ones. Cloud et al. 2024,
// arXiv:2410.04332, appendix C.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "studies/language_task.h"

namespace omni {

// A loss that an attack is watched by: over a subset, at the targets that the array
// "<split>.<where>" marks. No subset: the forget stories that this attack is tested on.
struct AttackLoss {
  std::string name, subset = "", where = "weight";
};
struct Attacked {
  std::map<std::string, double> lowest;                     // over steps, of means over repeats
  std::map<std::string, std::map<int64_t, double>> losses;  // by step
};

struct StoryUnlearning : LanguageTask {
  double tuning_lr = 0.1;
  int64_t coherence_batch = 64, coherence_steps = 40, coherence_test = 200;
  std::vector<int64_t> attack_sizes = {4, 16};
  std::vector<int64_t> attack_at = {0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40};
  int64_t attack_repeats = 1, attack_test = 200;

  // With 0.001 a small model knows the facts of its stories only half after 500 steps: there would
  // be little to unlearn.
  StoryUnlearning() {
    lr = 3e-3;
    others_decay = true;  // the attacker's
  }

  void visit(auto&& option) {
    LanguageTask::visit(option);
    option("tuning_lr", tuning_lr,
           "learning rate of coherence tuning and of the attack, as a "
           "share of lr",
           between(0, 10), learns());
    option("coherence_batch", coherence_batch, "retain stories that repair the ablated model",
           between(1, 100'000));
    option("coherence_steps", coherence_steps, "of that, at most", between(1, 10'000));
    option("coherence_test", coherence_test, "retain stories that choose the best of these steps",
           between(1, 100'000));
    // Never harmless: the most stories decide what is left after an attack, and a claim about every
    // step from one size to the next is another with each size.
    option("attack_sizes", attack_sizes, "forget stories that the attacker trains on, ascending",
           between(1, 10'000));
    option("attack_at", attack_at, "the attack is measured after these steps and ends at the last",
           between(0, 100'000));
    option("attack_repeats", attack_repeats, "attacks on each model, with stories of their own",
           between(1, 100), harmless_if_more("their mean is the same, and steadier"));
    option("attack_test", attack_test, "other forget stories that it is measured on",
           between(1, 100'000), harmless_if_more("the same is measured more exactly"));
    option.check([this] { check_attack(); });
  }
  int64_t most_stories() const { return attack_sizes.back(); }

  // As LanguageTask::prepare, with the subsets that repair and attack read. The attacker's stories
  // are held-out ones. UserError if there are too few.
  Corpus prepare(Trial& t) const;

  // Some steps at the small rate on the retain stories that repair.
  Training tuning(const Trial& t, int64_t count) const;
  // Coherence tuning on these stories, one batch: the best of its first steps, none included, as
  // other retain stories judge.
  Trained repair(Trial& t, const std::string& name, const Trained& start, const Model& model) const;

  // What an attacker gets by training a model on `size` forget stories.
  Attacked attack(Trial& t, const Trained& m, const Model& model, int64_t size,
                  const std::vector<AttackLoss>& measured = {{"forget"}}) const;

 private:
  void check_attack() const;
};

// Rows of a topic, in their order.
std::vector<int32_t> rows_with(const TokenRows& rows, bool forget);
// `count` of these, or all if there are fewer, drawn from a key.
std::vector<int32_t> picked(std::span<const int32_t> from, Key key, int64_t count);

}  // namespace omni
