#include "lab/trial.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <set>

#include "base/statistics.h"
#include "base/test_folder.h"
#include "lab/checkpoint.h"
#include "lab/test_support.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(Trial, Learns) {
  ToyBench b;
  const Trained t = b.train();
  EXPECT_FALSE(t.diverged_at);
  EXPECT_GT(toy_accuracy(*b.trial, t.model), 0.8);
  EXPECT_EQ(b.epochs, 5);
}

TEST(Trial, RunsEqualPhasesOnce) {
  std::atomic<bool> stop = false;
  WorkerOptions o;
  o.stop = &stop;
  ToyBench b(o);
  const Ensemble start = toy_model(*b.trial), other_start = toy_model(*b.trial, "other");
  Training p = toy_training(*b.trial, start);
  p.scalars["factor"] = 0;
  p.frozen["teacher"] = &start;
  p.build = [plain = p.build](Step& s) {
    plain(s);
    Net teacher = s.net("teacher");
    s.graph().result("more", sum(toy_logits(teacher, s.rows("train.x"))) * s.scalar("factor"));
  };
  const uint64_t first = weights_hash(b.trial->train(p).model[0]);
  stop = true;  // training would throw Interrupted now
  EXPECT_EQ(weights_hash(b.trial->train(p).model[0]), first);
  for (const auto& change : std::vector<std::function<void(Training&)>>{
           [](Training& t) { t.name = "other"; }, [](Training& t) { t.epochs = 4; },
           [](Training& t) { t.batch = 50; }, [](Training& t) { t.samples = 99; },
           [](Training& t) { t.order = Key::of(9); }, [](Training& t) { t.random = Key::of(9); },
           [](Training& t) { t.lr = [](int64_t s, int64_t) { return s == 7 ? 0.02 : 0.01; }; },
           [](Training& t) { t.scalars["factor"] = 1; }, [](Training& t) { t.keep_at = {3}; },
           [](Training& t) { t.epochs = 0, t.steps = 19; },
           [](Training& t) { t.probe = toy_probe({3}); },
           [&](Training& t) { t.start = &other_start; },
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
  b.trial->add_table("more", std::vector<float>{1}, {1});  // the graph does not read it
  EXPECT_EQ(weights_hash(b.trial->train(p).model[0]), first);
  b.trial->add_table("train.y", std::vector<int32_t>(kToyTrain), {kToyTrain});
  EXPECT_THROW(b.trial->train(p), Interrupted);
}

TEST(Trial, RecordsDivergenceAndLeavesNeighboursAlone) {
  ToyBench alone(WorkerOptions{}), b(WorkerOptions{});
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

std::string refused(const std::function<void()>& ask) {
  try {
    ask();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(Trial, WhatAPhaseDidNotReachIsSaidInWords) {
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start, 1e30);
  p.keep_at = {0, 20};
  p.probe = toy_probe({20});
  const Trained wild = b.trial->train(p);
  ASSERT_TRUE(wild.diverged_at);
  ASSERT_LT(wild.steps, 20);
  EXPECT_TRUE(std::isnan(wild.last("accuracy")));
  EXPECT_EQ(wild.reached(20), nullptr);
  EXPECT_EQ(wild.reached(0)->step, 0);
  EXPECT_EQ(
      refused([&] { wild.at(20); }),
      fmt::format("phase toy: there is no snapshot after step 20, as it diverged and ended after "
                  "step {}; where that may be, ask for reached(20), which is null then",
                  wild.steps));
  EXPECT_EQ(
      refused([&] { wild.probed.back(); }),
      "the last probe is asked for, and there is none: the phase has none, or diverged before "
      "it; look at diverged_at first, or ask last(), which is NaN then");
  EXPECT_EQ(refused([&] { wild.kept[1]; }),
            "snapshot 1 is asked for, counted from 0, and there are 1: a phase that diverged has "
            "those alone that it reached");
  EXPECT_EQ(wild.kept.back().step, 0);

  p.lr = 0.01;
  const Trained tame = b.trial->train(p);
  EXPECT_EQ(refused([&] { tame.last("acuracy"); }),
            "phase toy: there is no 'acuracy' among what was probed; did you mean \"accuracy\"?");
  EXPECT_EQ(refused([&] { tame.probed.back().values.at("acuracy"); }),
            "there is no 'acuracy' here; did you mean \"accuracy\"?");
  for (const auto ask :
       {+[](const Trained& t) { t.at(7); }, +[](const Trained& t) { t.reached(7); }})
    EXPECT_EQ(refused([&] { ask(tame); }),
              "phase toy: no snapshot was kept after step 7, but after 0, 20: list it in keep_at");
  p.probe.reset();
  EXPECT_EQ(refused([&] { b.trial->train(p).last("accuracy"); }),
            "phase toy: 'accuracy' was not probed: there is no probe, or no step");
}

// By the shape of one sample, by an input of one's own and by the parameters: the same bits.
TEST(Trial, StartsFromTheShapeOfASample) {
  ToyBench b;
  Trial& t = *b.trial;
  const auto network = [](Net& net, Value x) {
    EXPECT_EQ(x.type(), (Type{DType::f32, {1, 4, 6}, 0}));
    toy_logits(net, reshape(x, {1, 24}));
  };
  const Trained by_shape = t.init(network, {4, 6}, Key::of(3));
  const Trained by_input = t.init(
      [&](Net& net) {
        network(net, input(net.graph(), "x", {DType::f32, {1, 4, 6}, 0}, Role::data));
      },
      Key::of(3));
  const Ensemble by_specs = t.init(by_shape.model.specs(), Key::of(3));  // the weights alone
  ASSERT_EQ(by_shape.model.specs().size(), 4U);
  EXPECT_EQ(by_shape.model.specs()[0].shape, (Shape{16, 24}));
  EXPECT_EQ(weights_hash(by_shape), weights_hash(by_input));
  EXPECT_EQ(weights_hash(by_shape), weights_hash(by_specs[0]));
}

TEST(Trial, RecordsWhatAnEvaluationGave) {
  ToyBench b;
  Trial& t = *b.trial;
  const Trained m{toy_model(t)};
  const Measured seen = t.evaluate("test", {{"model", &m}}, [](Step& s) {
    Net net = s.net("model");
    const Value z = toy_logits(net, s.samples("x"));
    s.graph().result("loss", cross_entropy(z, s.samples("y")));
    s.graph().result("accuracy", accuracy(z, s.samples("y")));
  });
  t.record("seen", m, seen);
  t.record("more", m, seen, {{"twice", 2 * seen.at("loss")[0]}});
  t.record("none", m, {});
  t.record("typed", m, {{"loss", 0.5}});
  const auto metrics = [&](const char* arm) {
    std::map<std::string, double> all;
    for (const Metric& x : b.record.models.at(arm).metrics) all[x.name] = x.value;
    return all;
  };
  std::map<std::string, double> wanted = {{"loss", seen.at("loss")[0]},
                                          {"accuracy", seen.at("accuracy")[0]}};
  EXPECT_EQ(metrics("seen"), wanted);
  wanted["twice"] = 2 * wanted["loss"];
  EXPECT_EQ(metrics("more"), wanted);
  EXPECT_TRUE(metrics("none").empty());
  EXPECT_EQ(metrics("typed"), (std::map<std::string, double>{{"loss", 0.5}}));
  const auto refused = [&](const Measured& given, std::map<std::string, double> more) {
    try {
      t.record("refused", m, given, std::move(more));
    } catch (const UserError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(seen, {{"loss", 1}}), "arm 'refused': 'loss' is given twice");
  EXPECT_EQ(refused(Measured{{"z", std::vector<float>{1, 2}}}, {}),
            "arm 'refused': 'z' has 2 values, and a metric is one number: record what you make of "
            "them");
}

// What a lambda refers to must live until the call returns, and need not live on.
TEST(Trial, KeepsNoFunctionThatItWasGivenPastReturn) {
  const auto token = std::make_shared<int>(1);
  const auto logits = [token](Step& s, Net& net) {
    net.hook("layers.0.hook_pre", [token](Value h) { return h * *token; });
    return toy_logits(net, s.samples("x"));
  };
  const long own = token.use_count();  // NOLINT: as it is there
  const TestFolder folder;
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    o.checkpoints = folder.path();
    ToyBench b(o);
    Trial& t = *b.trial;
    const Trained start =
        t.init([token](Net& net, Value x) { toy_logits(net, x); }, {kToyFeatures}, t.key());
    Training how{.on = "train", .batch = 32, .epochs = 1};
    how.lr = [token](int64_t, int64_t) { return 0.01; };
    how.apply.trainable = [token](const std::string&) { return true; };
    how.probe =
        look("right", "test",
             [logits](Step& s, Net& net) { return accuracy(logits(s, net), s.samples("y")); }, {1});
    const ScalarOf loss = [logits](Step& s, Net& net) {
      return cross_entropy(logits(s, net), s.samples("y"));
    };
    std::optional<Trained> m;
    t.part("one", [&, token] { m = t.train("toy", start, how, loss); });
    t.measure(*m, "test", loss);
    t.evaluate("test", {{"model", &*m}}, [logits](Step& s) {
      Net net = s.net("model");
      s.graph().result("z", logits(s, net));
    });
    how = {};
    b.worker.save();
    EXPECT_EQ(token.use_count(), own + 1) << "beside the one of `loss`";
  }
  EXPECT_EQ(token.use_count(), own);
}

// The reported loss is `factor` times as large from step 7 on.
Trained train_exploding(OnDivergence choice, double factor) {
  ToyBench b;
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
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.lr = [](int64_t s, int64_t steps) {
    return s == steps - 1 ? std::numeric_limits<double>::infinity() : 0.01;
  };
  EXPECT_EQ(b.trial->train(p).diverged_at, 20);
  ToyBench fresh;
  Trial stops(fresh.worker, 0, "", fresh.record, OnDivergence::stop_run);
  try {
    stops.train(p);
    ADD_FAILURE() << "the run went on";
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("the weights 'model' were not finite after the last step, "
                                         "20"),
              std::string::npos)
        << e.what();
  }
}

TEST(Trial, ProbesWhereAsked) {
  ToyBench b;
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
  EXPECT_EQ(weights_hash(t.model[0]), weights_hash(ToyBench().train().model[0]));  // looks only
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
  ToyBench b(o);
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.probe = Probe{.build = build, .rows = kToyTest, .at = {0, 4, 9, 20}};
  p.keep_at = p.probe->at;
  const Trained t = b.trial->train(p);
  ASSERT_EQ(t.probed.size(), 4u);
  for (const Probed& seen : t.probed) {
    const Ensemble& model = t.at(seen.step).model;
    ToyBench fresh(o), f32;
    const double alone = loss(*fresh.trial, model);
    EXPECT_EQ(seen.values.at("loss"), alone) << "step " << seen.step;
    EXPECT_EQ(loss(*b.trial, model), alone) << "step " << seen.step;
    EXPECT_NEAR(alone, loss(*f32.trial, model), 0.02) << "step " << seen.step;
  }
}

TEST(Trial, StopsWhereTheRuleSays) {
  ToyBench b;
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
  ToyBench b;
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

TEST(Trial, AForksFirstProbeSeesWhatItsTrunkSaw) {
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  p.keep_at = {9};
  p.probe = toy_probe({9, 10});
  p.probe->build = [](Step& s) {
    toy_test(s);
    s.graph().result("step", s.step() * 1.0);
    s.graph().result("rate", s.lr() * 1.0);
  };
  const Trained trunk = b.trial->train(p);
  ASSERT_EQ(trunk.probed.size(), 2u);
  EXPECT_EQ(trunk.probed[0].values.at("step"), 9);
  p.from = &trunk.at(9);
  const Trained fork = b.trial->train(p);
  ASSERT_EQ(fork.probed.size(), 2u);
  for (int i : {0, 1}) EXPECT_EQ(fork.probed[i].values, trunk.probed[i].values);
}

// Before its first step a fork stands where its trunk stood, whatever it goes on with, and whether
// or not it was found again; its own rates are asked for from there on.
TEST(Trial, AForkMayHaveRatesOfItsOwn) {
  const TestFolder folder;
  WorkerOptions o;
  o.checkpoints = folder.path();
  std::atomic<bool> stop = false;
  o.stop = &stop;
  for (const bool found : {false, true}) {
    stop = found;
    ToyBench b(o);
    const Ensemble start = toy_model(*b.trial);
    Training p = toy_training(*b.trial, start);
    p.lr = [](int64_t step, int64_t) { return 0.01 * static_cast<double>(step + 1); };
    p.keep_at = {0, 9};
    const Trained trunk = b.trial->train(p);
    b.worker.save();
    EXPECT_EQ(trunk.at(0).rate, 0);
    EXPECT_EQ(trunk.at(9).rate, 0.01 * 9);
    stop = false;
    p.from = &trunk.at(9);
    p.keep_at.clear();
    p.lr = [](int64_t step, int64_t) {
      const std::vector<double> own(11, 0.5);
      return own.at(static_cast<size_t>(step - 9));
    };
    p.probe = toy_probe({9, 10});
    p.probe->build = [](Step& s) { s.graph().result("rate", s.lr() * 1.0); };
    const Trained fork = b.trial->train(p);
    EXPECT_EQ(fork.probed.at(0).values.at("rate"), static_cast<float>(0.01 * 9));
    EXPECT_EQ(fork.probed.at(1).values.at("rate"), 0.5);
    Snapshot other{9, trunk.at(9).model.clone(), trunk.at(9).optimizer->clone(), 0.25};
    p.from = &other;  // with another rate it is another phase
    EXPECT_EQ(b.trial->train(p).probed.at(0).values.at("rate"), 0.25);
  }
}

// What throws in the middle of a phase leaves nothing behind for the next.
TEST(Trial, APhaseAfterOneThatThrewIsAsAlone) {
  const uint64_t alone = weights_hash(ToyBench().train().model[0]);
  for (const int throws_at : {1, 2, 3}) {
    WorkerOptions o;
    o.steps_per_call = 3;
    o.advanced = [&, calls = 0](const Amount&) mutable {
      if (++calls == throws_at) throw std::bad_alloc();
    };
    ToyBench b(o);
    EXPECT_THROW(b.train(0.02), std::bad_alloc);
    EXPECT_EQ(weights_hash(b.train().model[0]), alone);
  }
}

TEST(Trial, ForksWithAnotherOptimiserStateAreOtherPhases) {
  ToyBench b;
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

TEST(Trial, RandomValuesOfEvaluationsDependOnTheSeedAlone) {
  const auto drawn = [](int64_t seed) {
    ToyBench b({}, seed);
    const auto noise = [&](Step& s) {
      s.graph().result("noise", random_uniform(s.key(), convert(s.step(), DType::i32), s.index(),
                                               "noise", Shape{2}));
    };
    return b.trial->evaluate(noise, 3, {}).at("noise");
  };
  EXPECT_EQ(drawn(0), drawn(0));
  EXPECT_NE(drawn(0), drawn(1));
}

TEST(Trial, DryRunsCountCosts) {
  WorkerOptions o;
  o.dry = true;
  ToyBench b(o);
  b.train();
  EXPECT_EQ(b.record.model_epochs, 5);
  // Forward 2 (6 * 16 + 16 * 3) per sample, twice that less the input's gradient backward.
  const double forward = 2.0 * (6 * 16 + 16 * 3), backward = 2.0 * (6 * 16 + 2 * 16 * 3);
  EXPECT_EQ(b.record.work.at("").matmul_flops(), 5 * 100 * (forward + backward));
  const Ensemble start = toy_model(*b.trial);
  EXPECT_EQ(toy_accuracy(*b.trial, start), 0);
  EXPECT_EQ(b.record.work.at("").matmul_flops(), 5 * 100 * (forward + backward) + 40 * forward);
  b.trial->record("arm", {start.clone(), {}}, {{"accuracy", 1}});
  EXPECT_EQ(b.record.models.at("arm").metrics.at(0).name, "accuracy");  // claims are checked by it
}

TEST(Trial, PartsAreRunAloneOrTogether) {
  const auto run = [](std::optional<std::string> only) {
    ToyBench b;
    b.worker.begin(0, only);
    const Ensemble start = toy_model(*b.trial);
    for (const char* part : {"one", "two"})
      b.trial->part(part, [&] {
        b.trial->record(part, {start.clone()}, {});
        b.trial->image("figure", *part == 'o' ? 6 : 7, part, std::vector<float>(4), 2, 2);
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
    const ToyBench b({}, seed);
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
  ToyBench b(o);
  const Trained done = b.train();
  EXPECT_NO_THROW(toy_accuracy(*b.trial, done.model));
  stop = true;
  EXPECT_THROW(toy_accuracy(*b.trial, done.model), Interrupted);
  EXPECT_EQ(weights_hash(ToyBench(o).train().model[0]), weights_hash(done.model[0]));
}

// A step writes down which samples it was given: the only parameter becomes the sum of their 2^i.
TEST(Trial, EveryEpochVisitsEachSampleOnceInAnOrderOfItsOwn) {
  constexpr int64_t kSamples = 20;  // their sum is exact in f32
  ToyBench b;
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
  p.build = [](Step& s) {
    Net net = s.net("model");
    const Value seen = net.parameter("seen", {}, init::zeros());
    const Value now = sum(s.rows("powers"));
    s.graph().update(seen, now);
    s.graph().result("loss", (now + seen) * 0.0);
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

TEST(Trial, VariantsNameTheirArms) {
  ToyBench b;
  Trial swept(b.worker, 0, "lr=0.1", b.record);
  swept.record("arm", {toy_model(*b.trial), {}}, {});
  swept.curve("arm", "loss", 3, 0.5);
  const ModelResult& r = b.record.models.at("arm | lr=0.1");
  EXPECT_EQ(r.arm, "arm | lr=0.1");
  EXPECT_EQ(r.metrics.at(0).step, 3);
}

TEST(Trial, TablesAreGoneWithTheSeedAndThePartThatAddedThem) {
  ToyBench b;
  const auto here = [&] { return b.trial->tables().contains("mine"); };
  const auto add = [&] { b.trial->add_table("mine", std::vector<float>{1}, {1}); };
  b.trial->part("one", [&] {
    add();
    EXPECT_TRUE(here());
  });
  EXPECT_FALSE(here());
  add();
  b.trial->part("two", [&] { EXPECT_TRUE(here()); });
  EXPECT_TRUE(here());
  b.trial->add_table("train.y", std::vector<int32_t>(kToyTrain), {kToyTrain});
  const Trial beside(b.worker, 0, "beside", b.record);
  EXPECT_FALSE(beside.tables().contains("mine"));
  EXPECT_TRUE(here());
  b.worker.begin(1);
  b.trial.emplace(b.worker, 1, "", b.record);
  EXPECT_FALSE(here());
  EXPECT_TRUE(b.trial->tables().contains("train.x"));
  EXPECT_EQ(b.trial->tables().at("train.y").hash, b.data.hash);
}

}  // namespace
}  // namespace omni
