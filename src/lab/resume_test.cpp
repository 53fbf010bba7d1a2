// Phases that were interrupted, killed or forked go on to the same bits.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>

#include "base/statistics.h"
#include "base/test_folder.h"
#include "lab/checkpoint.h"
#include "lab/phase_graphs.h"
#include "lab/test_support.h"
#include "lab/trial.h"
#include "ops/elementwise.h"
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
  WorkerOptions meant = o;
  meant.executor = ExecutorKind::reference;
  EXPECT_THROW(ToyBench(meant).train(), Interrupted);
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
  Trained run(double checkpoint_every_s, int64_t stop_at = 0, int64_t steps_per_call = 0) {
    WorkerOptions o = options();
    o.checkpoint_every_s = checkpoint_every_s;
    o.steps_per_call = steps_per_call;
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
    EXPECT_EQ(a.kept[i].rate, b.kept[i].rate);
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

// Cut where a call would have gone on, and with calls of other lengths before than after.
TEST(Resume, CallsMayBeOfAnyLength) {
  const Trained whole = Interruptible().run(1e9);
  for (const int64_t length : {1, 2, 3, 5, 20, 1000})
    expect_same(Interruptible().run(1e9, 0, length), whole);
  for (const auto& [length, stop_at, length_after] : std::vector<std::array<int64_t, 3>>{
           {2, 2, 5}, {2, 5, 0}, {3, 10, 4}, {4, 11, 1000}, {2, 17, 3}, {1, 19, 0}}) {
    Interruptible i;
    EXPECT_THROW(i.run(1e9, stop_at, length), Interrupted);
    i.stop = false;
    expect_same(i.run(1e9, 0, length_after), whole);
    EXPECT_EQ(i.began_at, stop_at);
  }
}

// However little a step computes, and if it computes nothing at all.
TEST(Resume, CallsAreShort) {
  constexpr int64_t kSteps = 30000;
  for (const bool computes : {true, false}) {
    WorkerOptions o;
    int64_t calls = 0;
    double longest = 0;
    o.advanced = [&](const Amount& done) {
      ++calls;
      longest = std::max(longest, done.model_epochs);
    };
    ToyBench b(o);
    const Ensemble start =
        b.trial->init([](Net& net) { net.parameter("w", {}, init::zeros()); }, Key{});
    Training p;
    p.name = "short";
    p.start = &start;
    p.samples = p.batch = 1;
    p.steps = kSteps;
    p.build = [&](Step& s) {
      Net net = s.net("model");
      const Value w = net.parameter("w", {}, init::zeros());
      s.graph().update(w, computes ? w + 1.0 : w);
      s.graph().result("loss", w);
    };
    EXPECT_EQ(b.trial->train(p).model.array(0, 0)[0], computes ? kSteps : 0);
    EXPECT_LE(longest, 10000);
    EXPECT_LE(calls, 100);
  }
}

#ifndef OMNI_SANITIZED  // which have memory of their own
// Of this process, in bytes: what it has now, or had at most since forget_peak().
int64_t memory(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (int64_t kib = 0; word == which + ":" && status >> kib) return kib << 10;
  return 0;
}
bool forget_peak() {
  return static_cast<bool>(std::ofstream("/proc/self/clear_refs") << "5" << std::flush);
}

// A model may take more than half of the memory that there is.
TEST(Resume, SavingTakesNoSecondModel) {
  if (!forget_peak()) GTEST_SKIP() << "the system does not tell a peak anew";
  const TestFolder folder;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  int64_t before = 0, peak = 0, steps = 0;
  o.advanced =
      [&](const Amount&) {  // after the first step, and after the next, before which it saves
        if (++steps == 1) forget_peak(), before = memory("VmRSS");
        if (steps == 2) peak = memory("VmHWM");
      };
  ToyBench b(o);
  const Shape shape{4096, 1024};
  const Ensemble start =
      b.trial->init([&](Net& net) { net.parameter("w", shape, init::zeros()); }, Key{});
  Training p;
  p.name = "large";
  p.start = &start;
  p.samples = p.batch = 1;
  p.steps = 4;
  p.build = [&](Step& s) {
    Net net = s.net("model");
    const Value loss = mean(square(net.parameter("w", shape, init::zeros()) - 1.0));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, 0.1);
  };
  b.trial->train(p);
  ASSERT_GT(before, 0);
  EXPECT_LT(peak - before, shape.count() * 2) << "of a model of " << shape.count() * 4 << " bytes";
}
#endif

TEST(Resume, TheCheckpointBeforeTheLastServesWhereTheLastIsDamaged) {
  const Trained whole = Interruptible().run(1e9);
  Interruptible i;
  EXPECT_THROW(i.run(0, 9), Interrupted);
  ASSERT_EQ(i.files(), 2);
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  const Recipes recipes =
      PhaseGraphs(phase_of(toy_training(*b.trial, start)), b.trial->tables(), OnDivergence::keep)
          .recipes();
  std::map<int64_t, std::filesystem::path> by_steps;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(i.folder.path()))
    if (const auto p = read_checkpoint(entry.path(), recipes))
      by_steps[p->reached.rounds] = entry.path();
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

// One that begins small, and is large where the phase goes on: an explosion all the same.
TEST(Resume, AnExplosionIsToldByTheFirstLossOfAll) {
  const auto run = [](WorkerOptions o) {
    ToyBench b(std::move(o));
    const Ensemble start =
        b.trial->init([](Net& net) { net.parameter("w", {}, init::zeros()); }, Key{});
    Training p{.name = "explodes",
               .start = &start,
               .build =
                   [](Step& s) {
                     Net net = s.net("model");
                     const Value w = net.parameter("w", {}, init::zeros());
                     s.graph().result("loss", exp(w));  // 1, 20, 400, ...
                     s.graph().update(w, w + std::log(20.0));
                   },
               .samples = 1,
               .batch = 1,
               .steps = 8};
    return b.trial->train(p).diverged_at;
  };
  EXPECT_EQ(run({}), 6);
  WorkerOptions forked;
  forked.fork_at = 3;
  EXPECT_EQ(run(forked), 6) << "in programs compiled anew";
  const TestFolder folder;
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  o.stop = &stop;
  o.advanced = [&, steps = 0](const Amount&) mutable { stop = ++steps == 3; };
  EXPECT_THROW(run(o), Interrupted);
  stop = false;
  o.advanced = nullptr;
  EXPECT_EQ(run(o), 6) << "after an interruption";
}

// In bf16, too: both programs of a phase make their copies of the weights anew.
TEST(Resume, ForkingAnywhereKeepsTheBits) {
  using Arithmetic = std::pair<ExecutorKind, Precision>;
  for (const auto& [executor, precision] : {Arithmetic{ExecutorKind::cpu, Precision::f32},
                                            Arithmetic{ExecutorKind::cpu, Precision::bf16},
                                            Arithmetic{ExecutorKind::reference, Precision::f32}}) {
    const auto train = [&, executor = executor, precision = precision](int64_t fork_at) {
      WorkerOptions o;
      o.executor = executor;
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
