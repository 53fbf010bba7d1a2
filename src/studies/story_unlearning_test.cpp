#include "studies/story_unlearning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "lab/worker.h"

namespace omni {
namespace {

struct UnlearningBench {
  UnlearningBench() : trial(worker, 0, "", record) {
    task.size = "XS";
    task.stories = 200;
    task.held_out = 100;
    task.length = 32;
    task.batch = 16;
    task.steps = 60;
    task.warmup = 5;
    task.lr = 3e-3;
    task.coherence_batch = 16;
    task.coherence_steps = 6;
    task.coherence_test = 30;
    task.attack_sizes = {2, 8};
    task.attack_at = {0, 3, 6};
    task.attack_test = 10;
    task.tuning_lr = 0.5;
    worker.begin(0);
    corpus = task.prepare(trial);
    model = LanguageTask::plain(corpus.model);
  }
  std::vector<int32_t> rows(const std::string& subset) const {
    const Table& a = trial.tables().at(subset);
    const auto* first = static_cast<const int32_t*>(a.data);
    return {first, first + a.type.count()};
  }
  // A model that has read stories of a subset.
  Trained reader(const std::string& subset) {
    const Trained start = trial.init(transformer_parameters(corpus.model), Key::of(1));
    return trial.train("base", start, task.pretraining(trial, subset),
                       LanguageTask::next_token(model));
  }
  double loss(const Trained& m, const std::string& subset) {
    return LanguageTask::loss_on(trial, m, subset, model);
  }

  Worker worker{WorkerOptions{}};
  SeedRecord record;
  Trial trial;
  StoryUnlearning task;
  Corpus corpus;
  LanguageTask::Model model;
};

bool apart(std::vector<int32_t> a, std::vector<int32_t> b) {
  const size_t before = a.size() + b.size();
  std::set<int32_t> all(a.begin(), a.end());
  all.insert(b.begin(), b.end());
  return all.size() == before;
}

TEST(StoryUnlearning, NobodyIsTestedOnWhatItTrainsOn) {
  UnlearningBench b;
  EXPECT_EQ(b.rows("coherence.train").size(), 16u);
  EXPECT_EQ(b.rows("coherence-test.train").size(), 30u);
  EXPECT_TRUE(apart(b.rows("coherence.train"), b.rows("coherence-test.train")));
  for (const char* subset : {"coherence.train", "coherence-test.train"})
    for (const int32_t i : b.rows(subset)) EXPECT_EQ(b.corpus.train.forget[i], 0) << subset;

  const std::vector<int32_t> few = b.rows("attack-0-2.validation"),
                             more = b.rows("attack-0-8.validation"),
                             tested = b.rows("attacked-0.validation");
  EXPECT_EQ(few.size(), 2u);
  EXPECT_EQ(tested.size(), 10u);
  EXPECT_TRUE(std::ranges::equal(few, std::vector<int32_t>(more.begin(), more.begin() + 2)));
  EXPECT_TRUE(apart(more, tested));
  for (const auto* rows : {&more, &tested})
    for (const int32_t i : *rows) EXPECT_NE(b.corpus.validation.forget[i], 0);
}

TEST(StoryUnlearning, RepairTakesTheBestOfItsStepsOrNone) {
  UnlearningBench b;
  const Trained base = b.reader("forget.train");  // it has much to learn of the others
  const Trained repaired = b.task.repair(b.trial, "base", base, b.model);
  EXPECT_GT(repaired.steps, 0);
  EXPECT_LT(b.loss(repaired, "coherence-test.train"), b.loss(base, "coherence-test.train") - 0.05);
  for (int64_t steps = 1; steps <= b.task.coherence_steps; ++steps) {  // no other is better
    UnlearningBench other;
    other.task.coherence_steps = steps;
    EXPECT_GE(other.loss(other.task.repair(other.trial, "base", base, other.model),
                         "coherence-test.train"),
              b.loss(repaired, "coherence-test.train") - 1e-6);
  }
  b.task.tuning_lr = 10;  // each step makes it worse
  const Trained broken = b.task.repair(b.trial, "base", base, b.model);
  EXPECT_EQ(broken.steps, 0);
  EXPECT_EQ(weights_hash(broken), weights_hash(base));
}

TEST(StoryUnlearning, AnAttackBringsTheTopicBack) {
  UnlearningBench b;
  const Trained base = b.reader("retain.train");
  const uint64_t before = weights_hash(base);
  const auto attacked = [&](int64_t stories) {
    return b.task.attack(b.trial, base, b.model, stories,
                         {{"forget"}, {"retain", "retain.validation"}});
  };
  const Attacked few = attacked(2), more = attacked(8);
  EXPECT_EQ(weights_hash(base), before);
  for (const Attacked* a : {&few, &more}) {
    const std::map<int64_t, double>& losses = a->losses.at("forget");
    ASSERT_EQ(losses.size(), 3u);
    EXPECT_NEAR(losses.at(0), b.loss(base, "attacked-0.validation"), 1e-5);
    EXPECT_NEAR(a->losses.at("retain").at(0), b.loss(base, "retain.validation"), 1e-5);
    EXPECT_EQ(a->lowest.at("forget"), std::min({losses.at(0), losses.at(3), losses.at(6)}));
  }
  EXPECT_LT(more.lowest.at("forget"), more.losses.at("forget").at(0) - 0.1);
  EXPECT_LT(more.lowest.at("forget"), few.lowest.at("forget"));  // more stories, more back
}

// The attacker's steps, taken by hand: all its stories at once, AdamW at one rate with little
// decay.
TEST(StoryUnlearning, AnAttackIsThatOfItsSource) {
  UnlearningBench b;
  b.task.tuning_lr = 5;  // so that decay is seen
  const Trained base = b.reader("retain.train");
  LanguageTraining by_hand = b.task;
  by_hand.decay = 0.01;
  Training p = by_hand.pretraining(b.trial, "attack-0-8.validation");
  p.steps = 6;
  p.lr = b.task.tuning_lr * b.task.lr;
  const Trained after = b.trial.train("by hand", base, p, LanguageTask::next_token(b.model));
  EXPECT_NEAR(b.task.attack(b.trial, base, b.model, 8).losses.at("forget").at(6),
              b.loss(after, "attacked-0.validation"), 1e-5);
}

// The mean over repeats, whose stories are others.
TEST(StoryUnlearning, RepeatsAreAveraged) {
  UnlearningBench b;
  const Trained base = b.reader("retain.train");
  b.task.attack_repeats = 2;
  b.corpus = b.task.prepare(b.trial);
  EXPECT_NE(b.rows("attack-0-8.validation"), b.rows("attack-1-8.validation"));
  const Attacked both = b.task.attack(b.trial, base, b.model, 8);
  EXPECT_NEAR(both.losses.at("forget").at(0),
              (b.loss(base, "attacked-0.validation") + b.loss(base, "attacked-1.validation")) / 2,
              1e-5);
}

TEST(StoryUnlearning, TooFewStoriesAreSaid) {
  UnlearningBench b;
  b.task.attack_sizes = {90};
  EXPECT_THROW(b.task.prepare(b.trial), UserError);
  b.task.attack_sizes = {2};
  b.task.coherence_batch = 1000;
  EXPECT_THROW(b.task.prepare(b.trial), UserError);
}

}  // namespace
}  // namespace omni
