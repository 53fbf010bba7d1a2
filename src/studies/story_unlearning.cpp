#include "studies/story_unlearning.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "studies/relearning.h"

namespace omni {
namespace {

constexpr const char* kRepair = "coherence.train";
constexpr const char* kRepairTest = "coherence-test.train";

std::string trained_on(int64_t repeat, int64_t size) {
  return fmt::format("attack-{}-{}.validation", repeat, size);
}
std::string tested_on(int64_t repeat) { return fmt::format("attacked-{}.validation", repeat); }

}  // namespace

std::vector<int32_t> rows_with(const TokenRows& rows, bool forget) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < rows.count(); ++i)
    if ((rows.forget[static_cast<size_t>(i)] != 0) == forget)
      out.push_back(static_cast<int32_t>(i));
  return out;
}

std::vector<int32_t> picked(std::span<const int32_t> from, Key key, int64_t count) {
  std::vector<int32_t> out;
  for (const int32_t i : permutation(key, std::ssize(from))) out.push_back(from[i]);
  if (std::ssize(out) > count) out.resize(static_cast<size_t>(count));
  return out;
}

void StoryUnlearning::check_attack() const {
  require(!attack_sizes.empty() && std::ranges::is_sorted(attack_sizes, std::ranges::less_equal{}),
          "attack_sizes: they must ascend, such as attack_sizes=4,16");
  require(!attack_at.empty() && std::ranges::is_sorted(attack_at) && attack_at.back() > 0,
          "attack_at: the steps must ascend and end above 0");
}

Corpus StoryUnlearning::prepare(Trial& t) const {
  Corpus c = LanguageTask::prepare(t);
  const std::vector<int32_t> kept = picked(rows_with(c.train, false), t.key().fold("coherence"),
                                           coherence_batch + coherence_test);
  require(std::ssize(kept) > coherence_batch,
          "coherence_batch={}: there are only {} retain stories to learn from", coherence_batch,
          kept.size());
  t.add_subset(kRepair, {kept.begin(), kept.begin() + coherence_batch});
  t.add_subset(kRepairTest, {kept.begin() + coherence_batch, kept.end()});

  const std::vector<int32_t> lost = rows_with(c.validation, true);
  require(std::ssize(lost) > most_stories(),
          "attack_sizes: {} forget stories are wanted and some to test on, {} are held out; raise "
          "held_out or attack with fewer",
          most_stories(), lost.size());
  for (int64_t r = 0; r < attack_repeats; ++r) {
    const std::vector<int32_t> drawn =
        picked(lost, t.key().fold("attack").fold(r), most_stories() + attack_test);
    for (const int64_t n : attack_sizes)
      t.add_subset(trained_on(r, n), {drawn.begin(), drawn.begin() + n});
    t.add_subset(tested_on(r), {drawn.begin() + most_stories(), drawn.end()});
  }
  return c;
}

Training StoryUnlearning::tuning(const Trial& t, int64_t count) const {
  Training p = pretraining(t, kRepair);
  p.steps = count;
  p.lr = tuning_lr * lr;
  return p;
}

Trained StoryUnlearning::repair(Trial& t, const std::string& name, const Trained& start,
                                const Model& model) const {
  const auto repaired = [&](Training p) {
    p.probe = look("loss", kRepairTest, next_token(model), {0});
    p.probe->every = 1;
    return t.train(name + ", repaired", start, p, next_token(model));
  };
  const Trained all = repaired(tuning(t, coherence_steps));
  const auto best =
      std::ranges::min_element(all.probed, {}, [](const Probed& x) { return x.values.at("loss"); });
  if (best == all.probed.end() || best->step == 0) return {start.model.clone(), all.diverged_at};
  return repaired(tuning(t, best->step));  // the same steps again, and no further
}

Attacked StoryUnlearning::attack(Trial& t, const Trained& m, const Model& model, int64_t size,
                                 const std::vector<AttackLoss>& measured) const {
  LanguageTraining attacker = *this;
  attacker.decay = 0.01;
  Attacked out;
  for (int64_t r = 0; r < attack_repeats; ++r) {
    RelearningAttack a;
    a.name = fmt::format("relearn from {}", size);
    const Training how = attacker.pretraining(t, trained_on(r, size));
    a.build = descend(next_token(model), how.optimizer, how.apply);
    a.on = how.on;
    a.samples = a.batch = size;
    a.steps = attack_at.back();
    a.rates = {tuning_lr * lr};
    a.at = attack_at;
    a.key = t.key().fold("attack").fold(r).fold(size);
    for (const AttackLoss& watched : measured) {  // of rows of its own, so by an attack of its own
      const std::string on = watched.subset.empty() ? tested_on(r) : watched.subset;
      // The attacker wants a small loss: the largest of its negative.
      a.probe = [=](Step& s) {
        Net net = s.net("model");
        const Batch b(s, on);
        s.graph().result("gain", -next_token_loss(model(net, b), b.targets, b.rows(watched.where)));
      };
      a.rows = rows_of(t, on);
      a.result = "gain";
      const Relearned found = relearn(t, m.model, a);
      for (size_t i = 0; i < attack_at.size(); ++i)
        out.losses[watched.name][attack_at[i]] -=
            found.by_rate[0][i] / static_cast<double>(attack_repeats);
    }
  }
  for (const auto& [name, losses] : out.losses)
    out.lowest[name] =
        std::ranges::min_element(losses, {}, [](const auto& at) { return at.second; })->second;
  return out;
}

}  // namespace omni
