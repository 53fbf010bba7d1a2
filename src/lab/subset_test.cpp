// Subsets of a split, and phases that are a loss over one.
#include "lab/subset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "lab/test_support.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

std::vector<int32_t> first(int64_t count) {
  std::vector<int32_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Value toy_loss(Step& s, Net& net) {
  return cross_entropy(toy_logits(net, s.samples("x")), s.samples("y"));
}

const Training kHow{.on = "all.train", .batch = 32, .epochs = 5, .lr = 0.01};

struct Bench : ToyBench {
  Bench() {
    trial->add_subset("all.train", first(kToyTrain));
    trial->add_subset("all.test", first(kToyTest));
  }
  Trained start{toy_model(*trial)};
};

TEST(Subset, RowsWhereKeepsTheFirstThatFit) {
  const std::vector<int32_t> labels = {3, 1, 2, 1, 0};
  const auto small = [](int32_t y) { return y < 3; };
  EXPECT_EQ(rows_where(labels, small), (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(rows_where(labels, small, 2), (std::vector<int32_t>{1, 2}));
}

TEST(Subset, IsOfRowsThatItsSplitHas) {
  Bench b;
  const auto said = [&](const char* name, std::vector<int32_t> rows) {
    return error_of([&] { b.trial->add_subset(name, std::move(rows)); });
  };
  EXPECT_EQ(said("few.train", {99, 0}), "no error");
  EXPECT_EQ(rows_of(*b.trial, "few.train"), 2);
  EXPECT_EQ(said("few.train", {}), "subset 'few.train': there are no rows in it");
  EXPECT_EQ(said("few.train", {100}),
            "subset 'few.train': it has row 100, and train has rows 0 to 99");
  EXPECT_EQ(said("few.test", {0, -1}),
            "subset 'few.test': it has row -1, and test has rows 0 to 39");
  EXPECT_EQ(said("few.tests", {0}),
            "subset 'few.tests': its name must end in .test or .train, such as forget.test");
}

TEST(Subset, ALossOverItIsThePhaseWrittenOut) {
  Bench b;
  Training whole = toy_training(*b.trial, b.start.model);
  whole.name = "toy";
  whole.order = b.trial->key().fold("toy").fold("order");
  const Trained a = b.trial->train(whole), c = b.trial->train("toy", b.start, kHow, toy_loss);
  EXPECT_EQ(weights_hash(a), weights_hash(c));
  EXPECT_NE(weights_hash(b.trial->train("other", b.start, kHow, toy_loss)), weights_hash(a))
      << "orders are of the phase's name";
  const auto score = [](Step& s, Net& net) {
    return accuracy(toy_logits(net, s.samples("x")), s.samples("y"));
  };
  EXPECT_EQ(b.trial->measure(c, "all.test", score), toy_accuracy(*b.trial, a.model));
  b.trial->add_subset("few.test", first(1));
  const double one = b.trial->measure(c, "few.test", score);
  EXPECT_TRUE(one == 0 || one == 1) << one;
}

TEST(Subset, DrawsAreOfThePhaseUnlessTheyAreShared) {
  Bench b;
  const auto noisy = [](Step& s, Net& net) {
    const Value x = s.samples("x");
    const Value noise = random_normal(s.key(), s.once(), s.index(), "noise", {kToyFeatures});
    return cross_entropy(toy_logits(net, x + noise), s.samples("y"));
  };
  Training how = kHow;
  how.batch = kToyTrain;  // so that the order does not matter
  how.epochs = 0;
  how.steps = 3;
  const auto hash = [&](const char* name) {
    return weights_hash(b.trial->train(name, b.start, how, noisy));
  };
  const uint64_t own = hash("one");
  EXPECT_NE(hash("two"), own);
  how.draws = b.trial->key().fold("one").fold("random");
  EXPECT_EQ(hash("one"), own);
  how.draws = b.trial->key().fold("shared");
  EXPECT_NE(hash("one"), own);
}

TEST(Subset, AKeyIsSharedByPhases) {
  Bench b;
  Training how = kHow;
  how.key = b.trial->key();
  const uint64_t shared = weights_hash(b.trial->train("one", b.start, how, toy_loss));
  EXPECT_EQ(weights_hash(b.trial->train("two", b.start, how, toy_loss)), shared);
  Training whole = toy_training(*b.trial, b.start.model);
  whole.order = b.trial->key().fold("order");
  EXPECT_EQ(weights_hash(b.trial->train(whole)), shared);
}

TEST(Subset, ASplitIsOneOfAllItsRows) {
  Bench b;
  EXPECT_EQ(rows_of(*b.trial, "train"), kToyTrain);
  Training how = kHow;
  const uint64_t of_table = weights_hash(b.trial->train("toy", b.start, how, toy_loss));
  how.on = "train";
  EXPECT_EQ(weights_hash(b.trial->train("toy", b.start, how, toy_loss)), of_table);
  const auto two = [](Step& s) {
    EXPECT_EQ(random_positions(s, "train", "more").dim(0), kToyTest);
    Net a = s.net("a"), net = s.net("b");
    s.graph().result("own", accuracy(toy_logits(a, s.samples("x")), s.samples("y")));
    s.graph().result("sum", mean(toy_logits(a, s.samples("x")) + toy_logits(net, s.samples("x"))));
  };
  const Measured seen = b.trial->evaluate("test", {{"a", &b.start}, {"b", &b.start}}, two);
  EXPECT_EQ(seen.at("own")[0], toy_accuracy(*b.trial, b.start.model));
  EXPECT_EQ(seen.at("sum").size(), 1u);
  how.on = "trian";
  EXPECT_EQ(error_of([&] { b.trial->train("toy", b.start, how, toy_loss); }),
            "there is no subset 'trian', which add_subset() makes; did you mean \"train\"?");
}

TEST(Subset, AProbeLooksAtAScalarOverOne) {
  EXPECT_EQ(halvings(20), (std::vector<int64_t>{20, 10, 5, 2, 1}));
  Bench b;
  const auto score = [](Step& s, Net& net) {
    return accuracy(toy_logits(net, s.samples("x")), s.samples("y"));
  };
  Training how = kHow;
  how.probe = look("score", "test", score, halvings(20));
  Trained m = b.trial->train("toy", b.start, how, toy_loss);
  ASSERT_EQ(m.probed.size(), 5u);
  EXPECT_EQ(m.last("score"), toy_accuracy(*b.trial, m.model));
  b.trial->record("toy", m, {{"late", m.last("score")}});
  b.trial->curves("toy", m);
  const auto& metrics = b.record.models.at("toy").metrics;
  ASSERT_EQ(metrics.size(), 6u);
  EXPECT_EQ(metrics.back().name, "score");
  EXPECT_EQ(metrics.back().step, 20);
  EXPECT_EQ(metrics.back().value, m.last("score"));
  EXPECT_EQ(error_of([&] { m.last("scor"); }),
            "phase toy: there is no 'scor' among what was probed; did you mean \"score\"?");
  EXPECT_EQ(error_of([&] { b.start.last("score"); }),
            "'score' was not probed: there is no probe, or no step");
  m.diverged_at = 3;
  EXPECT_TRUE(std::isnan(m.last("score")));
  how.probe->on = "tests";
  EXPECT_EQ(error_of([&] { b.trial->train("toy", b.start, how, toy_loss); }),
            "there is no subset 'tests', which add_subset() makes; did you mean \"test\"?");
}

TEST(Subset, WhatADivergedModelWasReadByHasDiverged) {
  Bench b;
  Trained wild = b.start.clone();
  wild.diverged_at = 7;
  EXPECT_EQ(b.trial->train("from it", wild, kHow, toy_loss).diverged_at, 7);
  const auto beside = [](Step& s, Net& net) {
    Net teacher = s.net("teacher");
    return mse(toy_logits(teacher, s.samples("x")), toy_logits(net, s.samples("x")));
  };
  EXPECT_EQ(b.trial->train("of it", b.start, kHow, beside, {{"teacher", &wild}}).diverged_at, 7);
  EXPECT_FALSE(b.trial->train("of it", b.start, kHow, beside, {{"teacher", &b.start}}).diverged_at);
}

TEST(Subset, WhatWouldBeLostIsRefused) {
  Bench b;
  const auto said = [&](const std::function<void(Training&)>& change) {
    Training how = kHow;
    change(how);
    return error_of([&] { b.trial->train("toy", b.start, how, toy_loss); });
  };
  const std::string made =
      "phase toy: leave name, set, start, frozen, build, samples, order and random";
  EXPECT_EQ(said([](Training& p) { p.name = "x"; }).find(made), 0u);
  EXPECT_EQ(said([](Training& p) { p.samples = 9; }).find(made), 0u);
  EXPECT_EQ(said([](Training& p) { p.set = "student"; }).find(made), 0u);
  EXPECT_EQ(said([](Training& p) { p.random = Key::of(1); }).find(made), 0u);
  EXPECT_EQ(
      said([](Training& p) { p.on = "al.train"; }),
      "there is no subset 'al.train', which add_subset() makes; did you mean \"all.train\" or "
      "\"train\"?");
  EXPECT_EQ(
      said([](Training& p) { p.lr = {}; }).find("phase toy: its graph reads the learning rate"),
      0u);
  Training whole = toy_training(*b.trial, b.start.model);
  whole.draws = Key::of(1);
  EXPECT_EQ(error_of([&] { b.trial->train(whole); }),
            "phase toy: without a loss its keys are `order` and `random`");
  whole.draws.reset();
  whole.build = [](Step& s) { s.samples("x"); };
  EXPECT_EQ(
      error_of([&] { b.trial->train(whole); }).find("phase toy: samples(\"x\") are of a subset"),
      0u);
  EXPECT_EQ(error_of([&] {
              b.trial->measure(b.start, "all.test",
                               [](Step& s, Net& net) { return toy_logits(net, s.samples("x")); });
            }).find("evaluation over 'all.test': what is measured is f32[40*, 3], and no scalar"),
            0u);
}

}  // namespace
}  // namespace omni
