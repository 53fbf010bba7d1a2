#include "studies/relearning.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "lab/test_support.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

struct Bench {
  Bench() : worker(options()), trial(worker, 0, "", record) { worker.begin(0); }
  WorkerOptions options() {
    WorkerOptions o;
    o.data = &data;
    return o;
  }
  RelearningAttack attack(std::vector<double> rates) {
    RelearningAttack a;
    const Ensemble start = toy_model(trial);
    const Training p = toy_training(trial, start);
    a.name = "attack";
    a.build = p.build;
    a.samples = p.samples;
    a.batch = p.batch;
    a.steps = 12;
    a.rates = std::move(rates);
    a.probe = [](Step& s) {
      Net net = s.net("model");
      s.graph().result("accuracy",
                       accuracy(toy_logits(net, s.rows("test.x")), s.rows("test.y")));
    };
    a.rows = kToyTest;
    a.at = {0, 4, 12};
    a.result = "accuracy";
    a.key = Key::of(5);
    return a;
  }

  Dataset data = toy_data();
  Worker worker;
  SeedRecord record;
  Trial trial;
};

TEST(Relearning, TheAttackerPicksTheRateAtEveryStep) {
  Bench b;
  const Ensemble model = toy_model(b.trial);
  const Relearned r = relearn(b.trial, model, b.attack({1e-6, 0.01, 0.02}));
  ASSERT_EQ(r.by_rate.size(), 3u);
  ASSERT_EQ(r.worst.size(), 3u);
  for (size_t s = 0; s < 3; ++s) {
    double most = 0;
    for (const auto& curve : r.by_rate) most = std::max(most, curve[s]);
    EXPECT_EQ(r.worst[s].worst, most);
  }
  EXPECT_EQ(r.at(0).worst, toy_accuracy(b.trial, model));
  EXPECT_EQ(r.at(0).rate, 1e-6);  // all are equal before the attack
  EXPECT_FALSE(r.at(0).inside);
  EXPECT_GT(r.at(12).worst, r.at(0).worst + 0.2);
  EXPECT_GT(r.at(12).rate, 1e-6);
  EXPECT_THROW(r.at(5), UserError);
}

TEST(Relearning, KnowsWhetherTheListOfRatesIsWideEnough) {
  Bench b;
  const Ensemble model = toy_model(b.trial);
  EXPECT_EQ(relearn(b.trial, model, b.attack({1e-6, 0.02})).inside_share(), 0);
  EXPECT_EQ(relearn(b.trial, model, b.attack({1e-6, 0.02, 1e30})).inside_share(), 1);
}

TEST(Relearning, ADivergedRateIsLeftOut) {
  Bench b;
  const Ensemble model = toy_model(b.trial);
  const Relearned with = relearn(b.trial, model, b.attack({0.01, 1e30}));
  EXPECT_TRUE(std::isnan(with.by_rate[1][2]));
  EXPECT_EQ(with.at(12).rate, 0.01);
  const Relearned all = relearn(b.trial, model, b.attack({1e30}));
  EXPECT_TRUE(std::isnan(all.at(12).worst));
}

TEST(Relearning, BatchesDependOnTheKeyAndNotOnTheModel) {
  Bench b;
  const Ensemble model = toy_model(b.trial);
  RelearningAttack a = b.attack({0.01});
  a.probe = [](Step& s) {  // a sum that no two different trainings share
    Net net = s.net("model");
    s.graph().result("accuracy", mean(square(toy_logits(net, s.rows("test.x")))));
  };
  const double first = relearn(b.trial, model, a).at(12).worst;
  a.name = "another name";
  EXPECT_EQ(relearn(b.trial, model, a).at(12).worst, first);
  a.key = Key::of(6);
  EXPECT_NE(relearn(b.trial, model, a).at(12).worst, first);
}

TEST(Relearning, MayBeginWithAFreshOutputLayer) {
  Bench b;
  const Ensemble one = toy_model(b.trial, "one"), two = toy_model(b.trial, "two");
  RelearningAttack a = b.attack({0.01});
  a.probe = [](Step& s) {
    Net net = s.net("model");
    const Value w = net.parameter("layers.1.weight", {3, 16}, init::pytorch_linear());
    s.graph().result("accuracy", sum(square(w)));
  };
  EXPECT_NE(relearn(b.trial, one, a).at(0).worst, relearn(b.trial, two, a).at(0).worst);
  a.fresh = {"layers.1.weight", "layers.1.bias"};
  EXPECT_EQ(relearn(b.trial, one, a).at(0).worst, relearn(b.trial, two, a).at(0).worst);
  a.fresh = {"layers.7.weight"};
  EXPECT_THROW(relearn(b.trial, one, a), UserError);
}

TEST(Relearning, RecordsTheWorstCaseAsACurve) {
  Bench b;
  const Relearned r = relearn(b.trial, toy_model(b.trial), b.attack({0.01}));
  record_curve(b.trial, "arm", "relearned", r);
  const auto& metrics = b.record.models.at("arm").metrics;
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_EQ(metrics[2].step, 12);
  EXPECT_EQ(metrics[2].value, r.at(12).worst);
}

TEST(Relearning, RefusesAttacksThatMeasureNothing) {
  Bench b;
  const Ensemble model = toy_model(b.trial);
  for (const auto& spoil : std::vector<std::function<void(RelearningAttack&)>>{
           [](RelearningAttack& a) { a.rates = {}; }, [](RelearningAttack& a) { a.at = {}; },
           [](RelearningAttack& a) { a.at = {13}; }, [](RelearningAttack& a) { a.steps = 0; },
           [](RelearningAttack& a) { a.rates = {0.1, 0.01}; },
           [](RelearningAttack& a) { a.result = "accurcy"; }}) {
    RelearningAttack a = b.attack({0.01});
    spoil(a);
    EXPECT_THROW(relearn(b.trial, model, a), UserError);
  }
}

// The attacker as options.
struct Attacker : AttackOptions {
  using AttackOptions::attack;
  std::string refusal() {
    OptionList list;
    visit(list);
    try {
      list.check();
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  }
};

TEST(AttackOptions, FillInTheAttackAndRecordIt) {
  Bench b;
  const Trained model{toy_model(b.trial)};
  Attacker with;
  with.attack_at = {0, 4, 12}, with.early = 4, with.attack_batch = 32, with.rates = {1e-6, 0.02};
  RelearningAttack a = b.attack({});
  a.steps = a.batch = 0, a.at = {};
  std::map<std::string, double> metrics = {{"cost", 1}};
  with.attack(b.trial, "arm", model, a, metrics, "_few");
  const Relearned plain = relearn(b.trial, model.model, b.attack({1e-6, 0.02}));
  EXPECT_EQ(metrics, (std::map<std::string, double>{{"best_rate_inside_few", plain.inside_share()},
                                                    {"cost", 1},
                                                    {"regained_few", plain.at(4).worst}}));
  const auto& curve = b.record.models.at("arm").metrics;
  ASSERT_EQ(curve.size(), 3u);
  EXPECT_EQ(curve[2].name, "relearned_few");
  EXPECT_EQ(curve[2].step, 12);
  EXPECT_EQ(curve[2].value, plain.at(12).worst);
}

TEST(AttackOptions, BringTheirChecksAlong) {
  Attacker with;
  EXPECT_EQ(with.refusal(), "");
  with.early = 7;
  EXPECT_EQ(with.refusal(), "early=7: it must be one of the steps in attack_at");
  with.attack_at = {7, 5};
  EXPECT_EQ(with.refusal(), "attack_at: the steps must ascend and end above 0");
  with = {};
  with.rates = {1e-2, 1e-3};
  EXPECT_EQ(with.refusal(), "rates: they must ascend");
}

}  // namespace
}  // namespace omni
