#include "studies/forgetting.h"

#include <gtest/gtest.h>

#include "lab/test_support.h"
#include "ops/gather.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

// The toy problem by positions: of "odd.train" the samples of class 1, of "even.train" the others.
struct Bench : ToyBench {
  Bench() {
    std::vector<int32_t> odd, even;
    for (int32_t i = 0; i < kToyTrain; ++i) (data.train.y[i] == 1 ? odd : even).push_back(i);
    const auto add = [&](const char* name, const std::vector<int32_t>& picks) {
      trial->add_table(name, picks, Shape{static_cast<int64_t>(picks.size())});
    };
    add("odd.train", odd);
    add("even.train", even);
    const auto column = [](const char* of) {
      return [of](Step& s, const std::string& subset, Value positions) {
        return gather(s.table(of), gather(s.table(subset), positions));
      };
    };
    task.inputs = column("train.x");
    task.labels = column("train.y");
    task.logits = [](Net& net, Value x) { return toy_logits(net, x); };
    task.score = [labels = task.labels](Step& s, const std::string& subset, Value z) {
      return accuracy(z, labels(s, subset, s.index()));
    };
  }
  double score(const Trained& m, const char* subset) { return score_on(*trial, task, m, subset); }
  Trained forget(const Trained& base, const std::string& method, double rate) {
    Unlearning what{.method = method, .forget = "odd.train", .graddiff_weight = 2, .rmu_c = 3};
    what.activation = "layers.0.hook_post";
    what.trainable = [](const std::string& name) { return name.starts_with("layers.0."); };
    return unlearn(*trial, task, base, phase({.steps = 60, .lr = rate}), what);
  }
  // On the even samples.
  static Training phase(Training p) {
    p.on = "even.train";
    p.batch = 16;
    return p;
  }

  LearningTask task;
};

TEST(Forgetting, EveryMethodForgetsOnePartAndKeepsTheOther) {
  Bench b;
  const Trained base = b.train();
  ASSERT_GT(b.score(base, "odd.train"), 0.8);
  for (const auto& [method, rate] :
       {std::pair{"maxent", 0.01}, {"graddiff", 0.01}, {"rmu", 0.02}}) {
    const Trained gone = b.forget(base, method, rate);
    EXPECT_LT(b.score(gone, "odd.train"), 0.6) << method;
    EXPECT_GT(b.score(gone, "even.train"), 0.75) << method;
  }
}

TEST(Forgetting, AStudentIsTrainedUntilItIsGoodEnough) {
  Bench b;
  const Trained base = b.train(), fresh{toy_model(*b.trial, "student")};
  const auto student = [&](Training p) {
    p.lr = 0.01;
    return distil(*b.trial, b.task, "student", fresh, b.phase(std::move(p)), base);
  };
  Training until{.steps = 400, .stop = StopRule{"score", 0.8, 10}};
  until.probe = b.task.probe(*b.trial, "even.train");
  until.probe->every = 2;
  const Trained good = student(until);
  EXPECT_GE(b.score(good, "even.train"), 0.8);
  EXPECT_LT(good.steps, 400);
  EXPECT_EQ(student({.epochs = 1}).steps, (b.task.samples(*b.trial, "even.train") + 15) / 16);
}

TEST(Forgetting, WhatWasMadeOfADivergedModelCountsAsDiverged) {
  Bench b;
  Trained teacher = b.train();
  teacher.diverged_at = 7;
  const Trained fresh{toy_model(*b.trial, "student")};
  const Training brief = b.phase({.steps = 2, .lr = 0.01});
  EXPECT_EQ(distil(*b.trial, b.task, "student", fresh, brief, teacher).diverged_at, 7);
  EXPECT_EQ(distil(*b.trial, b.task, "student", teacher, brief, fresh).diverged_at, 7);
  EXPECT_EQ(unlearn(*b.trial, b.task, teacher, brief, {.forget = "odd.train"}).diverged_at, 7);
}

TEST(Forgetting, AnAttackBringsTheForgottenBack) {
  Bench b;
  const Trained gone = b.forget(b.train(), "maxent", 0.01);
  RelearningAttack a = attack_on(*b.trial, b.task, "odd.train", "odd.train");
  a.batch = 16;
  a.steps = 30;
  a.rates = {0.001, 0.01};
  a.at = {0, 30};
  a.key = Key::of(3);
  const Relearned found = relearn(*b.trial, gone.model, a);
  EXPECT_EQ(found.at(0).worst, b.score(gone, "odd.train"));
  EXPECT_GT(found.at(30).worst, 0.9);
}

TEST(Forgetting, MethodsAreNamedOnceEach) {
  EXPECT_EQ(unlearning_ids("rmu+maxent"), (std::vector<std::string>{"rmu", "maxent"}));
  for (const char* wrong : {"", "hope", "rmu+", "rmu+rmu"})
    EXPECT_THROW(unlearning_ids(wrong), UserError) << wrong;
  EXPECT_EQ(unlearning_method("graddiff").label, "GradDiff");
  EXPECT_THROW(unlearning_method("hope"), UserError);
}

}  // namespace
}  // namespace omni
