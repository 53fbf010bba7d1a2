#include "lab/trial.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "base/statistics.h"
#include "lab/checkpoint.h"
#include "lab/test_support.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "store/test_folder.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

struct Bench {
  explicit Bench(WorkerOptions options = {}, int64_t seed = 0) : worker(with_data(options)) {
    worker.begin(seed);
    record.seed = seed;
    trial.emplace(worker, seed, "", record);
  }
  WorkerOptions with_data(WorkerOptions o) {
    o.data = &data;
    o.advanced = [this](double e) { epochs += e; };
    return o;
  }
  Trained train(double lr = 0.01) {
    const Ensemble start = toy_model(*trial);
    return trial->train(toy_training(*trial, start, lr));
  }

  Dataset data = toy_data();
  Worker worker;
  SeedRecord record;
  std::optional<Trial> trial;
  double epochs = 0;
};

TEST(Trial, Learns) {
  Bench b;
  const Trained t = b.train();
  EXPECT_FALSE(t.diverged_at);
  EXPECT_GT(toy_accuracy(*b.trial, t.model), 0.8);
  EXPECT_EQ(b.epochs, 5);
}

TEST(Trial, RunsEqualPhasesOnce) {
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.stop = &stop;
  Bench b(o);
  const Ensemble start = toy_model(*b.trial), other_start = toy_model(*b.trial, "other");
  const Training p = toy_training(*b.trial, start);
  const uint64_t first = weights_hash(b.trial->train(p).model[0]);
  stop = true;  // training would throw Interrupted now
  EXPECT_EQ(weights_hash(b.trial->train(p).model[0]), first);
  for (const auto& change : std::vector<std::function<void(Training&)>>{
           [](Training& t) { t.name = "other"; }, [](Training& t) { t.epochs = 4; },
           [](Training& t) { t.batch = 50; }, [](Training& t) { t.samples = 99; },
           [](Training& t) { t.order = Key::of(9); }, [](Training& t) { t.random = Key::of(9); },
           [](Training& t) { t.lr = [](int64_t s, int64_t) { return s == 7 ? 0.02 : 0.01; }; },
           [](Training& t) { t.scalars["more"] = 1; }, [](Training& t) { t.keep_at = {3}; },
           [](Training& t) { t.epochs = 0, t.steps = 19; },
           [](Training& t) { t.probe = toy_probe({3}); }, [&](Training& t) { t.start = &other_start; },
           [&](Training& t) { t.frozen["teacher"] = &other_start; },
           [](Training& t) {
             t.build = [plain = t.build](Step& s) {
               plain(s);
               s.graph().result("lr", s.lr());
             };
           }}) {
    Training other = p;
    change(other);
    EXPECT_THROW(b.trial->train(other), Interrupted);
  }
  Training student = p;
  student.frozen["teacher"] = &start;
  stop = false;
  b.trial->train(student);
  stop = true;
  EXPECT_NO_THROW(b.trial->train(student));
  student.frozen["teacher"] = &other_start;
  EXPECT_THROW(b.trial->train(student), Interrupted);
  b.trial->add_table("more", std::vector<float>{1}, {1});  // the graph does not read it
  EXPECT_EQ(weights_hash(b.trial->train(p).model[0]), first);
  b.trial->add_table("train.y", std::vector<int32_t>(kToyTrain), {kToyTrain});
  EXPECT_THROW(b.trial->train(p), Interrupted);
}

TEST(Trial, FindsFinishedPhasesOnDisk) {
  TestFolder folder;
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  o.stop = &stop;
  uint64_t hash = 0;
  {
    Bench b(o);
    hash = weights_hash(b.train().model[0]);
  }
  stop = true;  // training would throw Interrupted now
  Bench b(o);
  const Trained found = b.train();
  EXPECT_EQ(weights_hash(found.model[0]), hash);
  // It can be drawn anew as the one that was trained here.
  Ensemble fresh = found.model.clone();
  fresh.initialise(0, b.trial->key().fold("init"));
  EXPECT_EQ(weights_hash(fresh[0]), weights_hash(toy_model(*b.trial)[0]));
  EXPECT_THROW(b.train(0.02), Interrupted);
  Bench other(o, 1);
  EXPECT_THROW(other.train(), Interrupted);
  WorkerOptions narrow = o;
  narrow.precision = Precision::bf16;
  EXPECT_THROW(Bench(narrow).train(), Interrupted);
  b.worker.end();
  EXPECT_THROW(b.train(), Interrupted);  // forgotten
}

// Raises `stop` while the phase takes step `at`; its hash has asked for all rates before.
std::function<double(int64_t, int64_t)> stopping_at(int64_t at, std::atomic<bool>& stop) {
  return [at, &stop, asked = 0](int64_t step, int64_t) mutable {
    if (step + 1 == at && ++asked == 2) stop = true;
    return 0.01;
  };
}

struct Interruptible {
  TestFolder folder;
  std::atomic<bool> stop = false;
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
  Trained run(double checkpoint_every_s, int64_t stop_at = 0) {
    WorkerOptions o = options();
    o.checkpoint_every_s = checkpoint_every_s;
    Bench b(o);
    const Ensemble start = toy_model(*b.trial);
    Training p = phase(*b.trial, start);
    if (stop_at > 0) p.lr = stopping_at(stop_at, stop);
    Trained t = b.trial->train(p);
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

TEST(Trial, AnInterruptedPhaseGoesOnFromItsLastStep) {
  const Trained whole = Interruptible().run(1e9);
  for (const int64_t stop_at : {1, 2, 4, 7, 8, 13, 19}) {
    Interruptible i;
    EXPECT_THROW(i.run(1e9, stop_at), Interrupted);
    EXPECT_EQ(i.files(), 1);
    i.stop = false;
    // From the checkpoint: the program has no chance to take the steps before again.
    expect_same(i.run(1e9, stop_at), whole);
    EXPECT_FALSE(i.stop) << "step " << stop_at << " was taken again";
  }
}

TEST(Trial, TheCheckpointBeforeTheLastServesWhereTheLastIsDamaged) {
  const Trained whole = Interruptible().run(1e9);
  Interruptible i;
  EXPECT_THROW(i.run(0, 9), Interrupted);
  ASSERT_EQ(i.files(), 2);
  Bench b;
  const std::vector<ParameterSpec> recipes = toy_model(*b.trial).specs();
  std::map<int64_t, std::filesystem::path> by_steps;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(i.folder.path()))
    if (const auto p = read_checkpoint(entry.path(), recipes)) by_steps[p->reached.steps] = entry.path();
  ASSERT_EQ(by_steps.size(), 2u);
  EXPECT_EQ(by_steps.begin()->first, 8);
  EXPECT_EQ(by_steps.rbegin()->first, 9);
  std::filesystem::resize_file(by_steps.at(9), 1000);
  i.stop = false;
  EXPECT_THROW(i.run(1e9, 9), Interrupted);  // step 9 is taken again, from step 8
  i.stop = false;
  expect_same(i.run(1e9), whole);
}

TEST(Trial, OfTwoCheckpointsTheLaterServes) {
  for (const int64_t stop_at : {9, 10}) {
    Interruptible i;
    EXPECT_THROW(i.run(0, stop_at), Interrupted);
    ASSERT_EQ(i.files(), 2);
    i.stop = false;
    i.run(1e9, stop_at);
    EXPECT_FALSE(i.stop) << "step " << stop_at << " was taken again";
  }
}

TEST(Trial, ADivergedPhaseOnDiskStaysDiverged) {
  const TestFolder folder;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 0;
  const auto diverged_at = Bench(o).train(1e30).diverged_at;
  ASSERT_TRUE(diverged_at);
  std::atomic<bool> stop = true;  // training would throw Interrupted now
  o.stop = &stop;
  EXPECT_EQ(Bench(o).train(1e30).diverged_at, diverged_at);
}

// By its first loss a phase tells what an explosion is, before and after an interruption.
TEST(Trial, AnInterruptedPhaseKnowsItsFirstLoss) {
  Interruptible i;
  const auto run = [&] {
    Bench b(i.options());
    const Ensemble start = toy_model(*b.trial);
    Training p = toy_training(*b.trial, start);
    p.lr = stopping_at(9, i.stop);
    p.build = [](Step& s) {
      Net net = s.net("model");
      const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
      s.graph().result("loss", loss * 1e8);
      apply(Adam{}, net, loss, s.lr());
    };
    return b.trial->train(p);
  };
  EXPECT_THROW(run(), Interrupted);
  i.stop = false;
  EXPECT_FALSE(run().diverged_at);
}

// In bf16, too: both programs of a phase make their copies of the weights anew.
TEST(Trial, ForkingAnywhereKeepsTheBits) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    const auto train = [&](int64_t fork_at) {
      WorkerOptions o;
      o.precision = precision;
      o.fork_at = fork_at;
      Bench b(o);
      const Ensemble start = toy_model(*b.trial);
      return b.trial->train(Interruptible::phase(*b.trial, start));
    };
    const Trained whole = train(0);
    for (const int64_t at : {1, 4, 5, 19, 20, 99}) expect_same(train(at), whole);
  }
}

TEST(Trial, RecordsDivergenceAndLeavesNeighboursAlone) {
  Bench alone(WorkerOptions{}), b(WorkerOptions{});
  const uint64_t wanted = weights_hash(alone.train().model[0]);
  const Trained wild = b.train(1e30);
  ASSERT_TRUE(wild.diverged_at);
  EXPECT_GT(*wild.diverged_at, 1);
  EXPECT_LE(*wild.diverged_at, 20);
  const Trained neighbour = b.train();
  EXPECT_FALSE(neighbour.diverged_at);
  EXPECT_EQ(weights_hash(neighbour.model[0]), wanted);

  b.trial->record("wild", wild, {{"accuracy", 0.5}});
  b.trial->record("tame", neighbour, {{"accuracy", 0.9}});
  EXPECT_EQ(b.record.models.at("wild").status, ModelStatus::diverged);
  EXPECT_EQ(b.record.models.at("wild").status_step, *wild.diverged_at);
  EXPECT_EQ(b.record.models.at("tame").status, ModelStatus::ok);
  EXPECT_EQ(b.record.models.at("tame").weights_hash, fmt::format("{:016x}", wanted));
  EXPECT_EQ(b.train(1e30).diverged_at, wild.diverged_at);  // found again as what it was
}

// The reported loss is `factor` times as large from step 7 on.
Trained train_exploding(OnDivergence choice, double factor) {
  Bench b;
  Trial t(b.worker, 0, "", b.record, choice);
  const Ensemble start = toy_model(t);
  Training p = toy_training(t, start);
  p.scalars["factor"] = factor;
  p.build = [](Step& s) {
    Net net = s.net("model");
    const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
    s.graph().result("loss", where(greater(s.step(), 6.5), loss * s.scalar("factor"), loss));
    apply(Adam{}, net, loss, s.lr());
  };
  return t.train(p);
}

TEST(Trial, WhatFollowsADivergenceIsTheUsersChoice) {
  for (const double factor : {std::numeric_limits<double>::infinity(), kNaN, 1e8, -1e8}) {
    const Trained kept = train_exploding(OnDivergence::keep, factor);
    EXPECT_EQ(kept.diverged_at, 7);
    EXPECT_EQ(kept.steps, 20);
    const Trained stopped = train_exploding(OnDivergence::stop_model, factor);
    EXPECT_EQ(stopped.diverged_at, 7);
    EXPECT_EQ(stopped.steps, 7);
    try {
      train_exploding(OnDivergence::stop_run, factor);
      ADD_FAILURE() << "the run went on";
    } catch (const UserError& e) {
      EXPECT_NE(std::string(e.what()).find("at step 7"), std::string::npos) << e.what();
    }
  }
  EXPECT_FALSE(train_exploding(OnDivergence::stop_model, 1e5).diverged_at);
}

// The loss of the last step is computed before its update.
TEST(Trial, TheLastUpdateCanDivergeToo) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.lr = [](int64_t s, int64_t steps) {
    return s == steps - 1 ? std::numeric_limits<double>::infinity() : 0.01;
  };
  EXPECT_EQ(b.trial->train(p).diverged_at, 20);
}

TEST(Trial, ProbesWhereAsked) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.probe = toy_probe({0, 1, 20});
  p.probe->every = 8;
  const Trained t = b.trial->train(p);
  std::vector<int64_t> steps;
  for (const Probed& seen : t.probed) steps.push_back(seen.step);
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 8, 16, 20}));
  EXPECT_EQ(t.probed.front().values.at("accuracy"), toy_accuracy(*b.trial, start));
  EXPECT_EQ(t.probed.back().values.at("accuracy"), toy_accuracy(*b.trial, t.model));
  EXPECT_EQ(weights_hash(t.model[0]), weights_hash(Bench().train().model[0]));  // looks only
  EXPECT_EQ(b.trial->train(p).probed.size(), 5u);  // found again with what was seen
}

// Programs keep bf16 copies of weights, and are used again for other models and later steps.
TEST(Trial, InBf16TheWeightsOfNowAreMeasured) {
  WorkerOptions o;
  o.precision = Precision::bf16;
  const auto build = [](Step& s) {
    Net net = s.net("model");
    const Value z = toy_logits(net, s.rows("test.x"));
    s.graph().result("loss", cross_entropy(z, s.rows("test.y")));
  };
  const auto loss = [&](Trial& t, const Ensemble& model) {
    return t.evaluate(build, kToyTest, {{"model", &model}}).at("loss")[0];
  };
  Bench b(o);
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.probe = Probe{.build = build, .rows = kToyTest, .at = {0, 4, 9, 20}};
  p.keep_at = p.probe->at;
  const Trained t = b.trial->train(p);
  ASSERT_EQ(t.probed.size(), 4u);
  for (const Probed& seen : t.probed) {
    const Ensemble& model = t.at(seen.step).model;
    Bench fresh(o), f32;
    const double alone = loss(*fresh.trial, model);
    EXPECT_EQ(seen.values.at("loss"), alone) << "step " << seen.step;
    EXPECT_EQ(loss(*b.trial, model), alone) << "step " << seen.step;
    EXPECT_NEAR(alone, loss(*f32.trial, model), 0.02) << "step " << seen.step;
  }
}

TEST(Trial, StopsWhereTheRuleSays) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.probe = toy_probe({});
  p.probe->every = 2;
  p.stop = StopRule{"accuracy", 0.7};
  const Trained t = b.trial->train(p);
  EXPECT_GT(t.steps, 0);
  EXPECT_LT(t.steps, 20);
  EXPECT_EQ(t.probed.back().step, t.steps);
  EXPECT_GE(t.probed.back().values.at("accuracy"), 0.7);
  EXPECT_EQ(b.epochs, 5);  // the bar ends where it should
  p.epochs = 0;
  p.steps = t.steps;
  p.stop.reset();
  EXPECT_EQ(weights_hash(b.trial->train(p).model[0]), weights_hash(t.model[0]));
  p.stop = StopRule{"acuracy", 0.7};
  EXPECT_THROW(b.trial->train(p), UserError);
}

TEST(Trial, ForksWithUnchangedKeysFollowTheirTrunk) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.keep_at = {0, 4, 9, 20};  // an epoch has four steps, the last of them short
  const Trained trunk = b.trial->train(p);
  ASSERT_EQ(trunk.kept.size(), 4u);
  EXPECT_EQ(weights_hash(trunk.at(20).model[0]), weights_hash(trunk.model[0]));
  EXPECT_THROW(trunk.at(5), UserError);
  for (const Snapshot& s : trunk.kept) {
    Training child = toy_training(*b.trial, start);
    child.from = &s;
    const Trained same = b.trial->train(child);
    EXPECT_EQ(weights_hash(same.model[0]), weights_hash(trunk.model[0])) << s.step;
    EXPECT_EQ(same.steps, 20);
    child.order = b.trial->key().fold("another order");
    const Trained other = b.trial->train(child);
    EXPECT_EQ(weights_hash(other.model[0]) == weights_hash(trunk.model[0]), s.step == 20) << s.step;
  }
}

TEST(Trial, ForksWithAnotherOptimiserStateAreOtherPhases) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.keep_at = {9};
  const Trained trunk = b.trial->train(p);
  const Snapshot& plain = trunk.at(9);
  Snapshot moved{9, plain.model.clone(), plain.optimizer->clone()};
  for (float& m : moved.optimizer->array(0, 0)) m += 1;
  Training child = toy_training(*b.trial, start);
  child.from = &plain;
  const uint64_t first = weights_hash(b.trial->train(child).model[0]);
  child.from = &moved;
  EXPECT_NE(weights_hash(b.trial->train(child).model[0]), first);
}

TEST(Trial, DryRunsCountCosts) {
  WorkerOptions o;
  o.dry = true;
  Bench b(o);
  b.train();
  EXPECT_EQ(b.record.model_epochs, 5);
  // Forward 2 (6 * 16 + 16 * 3) per sample, twice that less the input's gradient backward.
  const double forward = 2.0 * (6 * 16 + 16 * 3), backward = 2.0 * (6 * 16 + 2 * 16 * 3);
  EXPECT_EQ(b.record.work.at("").matmul_flops(), 5 * 100 * (forward + backward));
  const Ensemble start = toy_model(*b.trial);
  EXPECT_EQ(toy_accuracy(*b.trial, start), 0);
  EXPECT_EQ(b.record.work.at("").matmul_flops(), 5 * 100 * (forward + backward) + 40 * forward);
  b.trial->record("arm", {start.clone(), {}}, {{"accuracy", 1}});
  EXPECT_TRUE(b.record.models.at("arm").metrics.empty());
}

TEST(Trial, PartsAreRunAloneOrTogether) {
  const auto run = [](std::optional<std::string> only) {
    Bench b;
    b.worker.begin(0, only);
    const Ensemble start = toy_model(*b.trial);
    for (const char* part : {"one", "two"})
      b.trial->part(part, [&] {
        b.trial->record(part, {start.clone()}, {});
        b.trial->image("figure", 7, part, std::vector<float>(4), 2, 2);
      });
    return b.record;
  };
  const SeedRecord all = run({}), two = run("two");
  EXPECT_EQ(all.models.size(), 2u);
  EXPECT_EQ(all.parts, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(all.part_of.at("two"), "two");
  ASSERT_EQ(two.models.size(), 1u);
  EXPECT_TRUE(two.models.contains("two"));
  EXPECT_EQ(all.images.size(), 2u);
  EXPECT_EQ(two.images.at(0).place, 7);
  EXPECT_EQ(two.images.at(0).label, "two");
}

TEST(Trial, ItsKeyIsThatOfItsSeed) {
  for (const int64_t seed : {0, 1, 7}) {
    const Bench b({}, seed);
    EXPECT_EQ(b.trial->key().bits, Key::of(static_cast<uint64_t>(seed)).bits);
  }
}

TEST(Trial, StopsBeforeAnEvaluationAndKeepsWhatWasDone) {
  const TestFolder folder;
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.checkpoints = folder.path();
  o.checkpoint_every_s = 1e9;
  o.stop = &stop;
  Bench b(o);
  const Trained done = b.train();
  EXPECT_NO_THROW(toy_accuracy(*b.trial, done.model));
  stop = true;
  EXPECT_THROW(toy_accuracy(*b.trial, done.model), Interrupted);
  EXPECT_EQ(weights_hash(Bench(o).train().model[0]), weights_hash(done.model[0]));
}

// A step writes down which samples it was given: the only parameter becomes the sum of their 2^i.
TEST(Trial, EveryEpochVisitsEachSampleOnceInAnOrderOfItsOwn) {
  constexpr int64_t kSamples = 20;  // their sum is exact in f32
  Bench b;
  std::vector<float> powers;
  for (int64_t i = 0; i < kSamples; ++i) powers.push_back(static_cast<float>(1 << i));
  b.trial->add_table("powers", std::move(powers), {kSamples});
  const Ensemble start =
      b.trial->init([](Net& net) { net.parameter("seen", {}, init::zeros()); }, Key{});
  Training p;
  p.name = "visits";
  p.start = &start;
  p.samples = kSamples;
  p.batch = 8;  // and a last one of 4
  p.epochs = 3;
  p.order = b.trial->key().fold("order");
  p.lr = [](int64_t, int64_t) { return 0.0; };
  p.build = [](Step& s) {
    Net net = s.net("model");
    const Value seen = net.parameter("seen", {}, init::zeros());
    const Value now = sum(s.rows("powers"));
    s.graph().update(seen, now);
    s.graph().result("loss", now * 0.0);
  };
  for (int64_t step = 1; step <= 9; ++step) p.keep_at.push_back(step);
  const Trained t = b.trial->train(p);
  ASSERT_EQ(t.kept.size(), 9u);
  std::set<std::vector<uint32_t>> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    uint32_t all = 0;
    std::vector<uint32_t> order;
    for (int64_t step = 0; step < 3; ++step) {
      const auto batch =
          static_cast<uint32_t>(t.at(3 * epoch + step + 1).model.array("seen", 0)[0]);
      EXPECT_EQ(std::popcount(batch), step < 2 ? 8 : 4);
      EXPECT_EQ(all & batch, 0u) << "a sample was visited twice in an epoch";
      all |= batch;
      order.push_back(batch);
    }
    EXPECT_EQ(all, (1u << kSamples) - 1) << "a sample was left out";
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 3u) << "two epochs have one order";
}

TEST(Trial, SaysWhatNobodyGave) {
  Bench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  const StepBuilder plain = p.build;
  p.build = [plain](Step& s) {
    plain(s);
    s.graph().result("more", s.scalar("temperature") * 2.0);
  };
  EXPECT_THROW(b.trial->train(p), UserError);
  p.scalars["temperature"] = 1;
  EXPECT_NO_THROW(b.trial->train(p));
  p.scalars.clear();
  p.name = "again";  // the program has been bound before
  EXPECT_THROW(b.trial->train(p), UserError);
  p.build = [](Step& s) { s.graph().result("other", s.lr()); };
  EXPECT_THROW(b.trial->train(p), UserError);  // no loss
  p.build = [](Step& s) { s.rows("train.z"); };
  EXPECT_THROW(b.trial->train(p), UserError);
}

TEST(Trial, VariantsNameTheirArms) {
  Bench b;
  Trial swept(b.worker, 0, "lr=0.1", b.record);
  swept.record("arm", {toy_model(*b.trial), {}}, {});
  swept.curve("arm", "loss", 3, 0.5);
  const ModelResult& r = b.record.models.at("arm | lr=0.1");
  EXPECT_EQ(r.arm, "arm | lr=0.1");
  EXPECT_EQ(r.metrics.at(0).step, 3);
}

}  // namespace
}  // namespace omni
