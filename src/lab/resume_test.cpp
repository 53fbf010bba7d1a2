// Phases that were interrupted, killed or forked go on to the same bits.
#include <gtest/gtest.h>

#include <cmath>

#include "base/statistics.h"
#include "base/test_folder.h"
#include "lab/checkpoint.h"
#include "lab/test_support.h"
#include "lab/trial.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(Resume, FindsFinishedPhasesOnDisk) {
  TestFolder folder;
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  o.stop = &stop;
  uint64_t hash = 0;
  {
    ToyBench b(o);
    hash = weights_hash(b.train().model[0]);
  }
  stop = true;  // training would throw Interrupted now
  ToyBench b(o);
  const Trained found = b.train();
  EXPECT_EQ(weights_hash(found.model[0]), hash);
  // It can be drawn anew as the one that was trained here.
  Ensemble fresh = found.model.clone();
  fresh.initialise(0, b.trial->key().fold("init"));
  EXPECT_EQ(weights_hash(fresh[0]), weights_hash(toy_model(*b.trial)[0]));
  EXPECT_THROW(b.train(0.02), Interrupted);
  ToyBench other(o, 1);
  EXPECT_THROW(other.train(), Interrupted);
  WorkerOptions rounded = o;
  rounded.precision = Precision::bf16;
  EXPECT_THROW(ToyBench(rounded).train(), Interrupted);
  b.worker.end();
  EXPECT_THROW(b.train(), Interrupted);  // forgotten
}

struct Interruptible {
  TestFolder folder;
  std::atomic<bool> stop = false;
  int64_t began_at = 0;  // the first step that was told: where a checkpoint was, if there was one
  WorkerOptions options() {
    WorkerOptions o;
    o.checkpoints = folder.path();
    o.stop = &stop;
    return o;
  }
  static Training phase(const Trial& t, const Ensemble& start) {
    Training p = toy_training(t, start);
    p.probe = toy_probe({0, 6, 7, 12, 20});
    p.keep_at = {0, 3, 7, 15};
    return p;
  }
  // Stops after so many steps of 20, which a call must end at: each does where it saves after each.
  Trained run(double checkpoint_every_s, int64_t stop_at = 0) {
    WorkerOptions o = options();
    o.checkpoint_every_s = checkpoint_every_s;
    std::vector<int64_t> told;
    o.advanced = [&](const Amount& done) {
      const int64_t before = told.empty() ? 0 : told.back();
      told.push_back(before + std::lround(done.model_epochs * 4));
      if (told.back() == stop_at) stop = true;
      began_at = told.front();
    };
    ToyBench b(o);
    const Ensemble start = toy_model(*b.trial);
    Trained t = b.trial->train(phase(*b.trial, start));
    EXPECT_DOUBLE_EQ(b.epochs, 5);
    return t;
  }
  int files() const {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
      count += entry.is_regular_file();
    return count;
  }
};

void expect_same(const Trained& a, const Trained& b) {
  EXPECT_EQ(weights_hash(a.model[0]), weights_hash(b.model[0]));
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.diverged_at, b.diverged_at);
  ASSERT_EQ(a.probed.size(), b.probed.size());
  for (size_t i = 0; i < a.probed.size(); ++i) {
    EXPECT_EQ(a.probed[i].step, b.probed[i].step);
    EXPECT_EQ(a.probed[i].values, b.probed[i].values);
  }
  ASSERT_EQ(a.kept.size(), b.kept.size());
  for (size_t i = 0; i < a.kept.size(); ++i) {
    EXPECT_EQ(a.kept[i].step, b.kept[i].step);
    EXPECT_EQ(weights_hash(a.kept[i].model[0]), weights_hash(b.kept[i].model[0]));
    EXPECT_EQ(weights_hash((*a.kept[i].optimizer)[0]), weights_hash((*b.kept[i].optimizer)[0]));
  }
}

TEST(Resume, AnInterruptedPhaseGoesOnFromItsLastStep) {
  const Trained whole = Interruptible().run(1e9);
  for (const auto& [every_s, stop_at] :
       std::vector<std::pair<double, int64_t>>{{1e9, 3}, {1e9, 6}, {1e9, 7}, {1e9, 12}, {1e9, 15},
                                               {0, 2}, {0, 4}, {0, 8}, {0, 13}, {0, 19}}) {
    Interruptible i;
    EXPECT_THROW(i.run(every_s, stop_at), Interrupted);
    EXPECT_EQ(i.files(), every_s > 0 ? 1 : 2);
    i.stop = false;
    expect_same(i.run(every_s), whole);
    EXPECT_EQ(i.began_at, stop_at);
  }
}

TEST(Resume, TheCheckpointBeforeTheLastServesWhereTheLastIsDamaged) {
  const Trained whole = Interruptible().run(1e9);
  Interruptible i;
  EXPECT_THROW(i.run(0, 9), Interrupted);
  ASSERT_EQ(i.files(), 2);
  ToyBench b;
  const std::vector<ParameterSpec> recipes = toy_model(*b.trial).specs();
  std::map<int64_t, std::filesystem::path> by_steps;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(i.folder.path()))
    if (const auto p = read_checkpoint(entry.path(), recipes)) by_steps[p->reached.steps] = entry.path();
  ASSERT_EQ(by_steps.size(), 2u);
  EXPECT_EQ(by_steps.begin()->first, 8);
  EXPECT_EQ(by_steps.rbegin()->first, 9);
  std::filesystem::resize_file(by_steps.at(9), 1000);
  i.stop = false;
  EXPECT_THROW(i.run(0, 9), Interrupted);  // step 9 is taken again, from step 8
  EXPECT_EQ(i.began_at, 8);
  i.stop = false;
  expect_same(i.run(1e9), whole);
}

TEST(Resume, OfTwoCheckpointsTheLaterServes) {
  for (const int64_t stop_at : {9, 10}) {
    Interruptible i;
    EXPECT_THROW(i.run(0, stop_at), Interrupted);
    ASSERT_EQ(i.files(), 2);
    i.stop = false;
    i.run(1e9);
    EXPECT_EQ(i.began_at, stop_at);
  }
}

// Of many finished phases a worker holds no more than it may; the others are read back.
TEST(Resume, FinishedPhasesAreHeldWithinABound) {
  const TestFolder folder;
  ToyBench any;
  const int64_t bytes = toy_model(*any.trial).bytes();
  for (const int64_t most : {int64_t{0}, bytes, 3 * bytes + 1, 100 * bytes}) {
    std::atomic<bool> stop = false;
    WorkerOptions o;
    o.stop = &stop;
    o.checkpoints = folder.path() / fmt::format("{}", most);
    o.checkpoint_every_s = 1e9;
    o.most_held_bytes = most;
    ToyBench b(o);
    std::vector<uint64_t> hashes;
    for (int i = 1; i <= 12; ++i) {
      hashes.push_back(weights_hash(b.train(0.01 * i).model[0]));
      EXPECT_LE(b.worker.held_bytes(), most);
      EXPECT_EQ(b.worker.held_bytes(), std::min<int64_t>(i, most / bytes) * bytes);
    }
    const double trained = b.epochs;
    stop = true;  // training would throw Interrupted now
    for (int i = 1; i <= 12; ++i)
      EXPECT_EQ(weights_hash(b.train(0.01 * i).model[0]), hashes[i - 1]);
    EXPECT_LE(b.worker.held_bytes(), most);
    EXPECT_DOUBLE_EQ(b.epochs, 2 * trained);
  }
}

TEST(Resume, ADivergedPhaseOnDiskStaysDiverged) {
  const TestFolder folder;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  const auto diverged_at = ToyBench(o).train(1e30).diverged_at;
  ASSERT_TRUE(diverged_at);
  std::atomic<bool> stop = true;  // training would throw Interrupted now
  o.stop = &stop;
  EXPECT_EQ(ToyBench(o).train(1e30).diverged_at, diverged_at);
}

// By its first loss a phase tells what an explosion is, before and after an interruption.
TEST(Resume, AnInterruptedPhaseKnowsItsFirstLoss) {
  Interruptible i;
  const auto run = [&](int64_t stop_at) {
    WorkerOptions o = i.options();
    o.checkpoint_every_s = 0;
    o.advanced = [&, steps = int64_t{0}](const Amount& done) mutable {
      steps += std::lround(done.model_epochs * 4);
      if (steps == stop_at) i.stop = true;
    };
    ToyBench b(o);
    const Ensemble start = toy_model(*b.trial);
    Training p = toy_training(*b.trial, start);
    p.build = [](Step& s) {
      Net net = s.net("model");
      const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
      s.graph().result("loss", loss * 1e8);
      apply(Adam{}, net, loss, s.lr());
    };
    return b.trial->train(p);
  };
  EXPECT_THROW(run(9), Interrupted);
  i.stop = false;
  EXPECT_FALSE(run(0).diverged_at);
}

// In bf16, too: both programs of a phase make their copies of the weights anew.
TEST(Resume, ForkingAnywhereKeepsTheBits) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    const auto train = [&](int64_t fork_at) {
      WorkerOptions o;
      o.precision = precision;
      o.fork_at = fork_at;
      ToyBench b(o);
      const Ensemble start = toy_model(*b.trial);
      return b.trial->train(Interruptible::phase(*b.trial, start));
    };
    const Trained whole = train(0);
    for (const int64_t at : {1, 4, 5, 19, 20, 99}) expect_same(train(at), whole);
  }
}

}  // namespace
}  // namespace omni
