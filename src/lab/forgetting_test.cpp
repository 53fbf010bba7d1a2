#include "lab/forgetting.h"

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
  double score(const Trained& m, const char* subset) {
    return score_on(*trial, task, m.model, subset);
  }
  Trained forget(const Trained& base, const std::string& method, double rate) {
    Unlearning how{.method = method, .retain = "even.train", .forget = "odd.train",
                   .graddiff_weight = 2, .rmu_c = 3};
    how.activation = "layers.0.hook_post";
    how.trainable = [](const std::string& name) { return name.starts_with("layers.0."); };
    Training p = phase_on(*trial, task, method, base.model, "even.train",
                          unlearning_step(task, how), 16, rate);
    p.frozen = {{"before", &base.model}};
    if (method != "rmu") p.frozen.clear();
    steps_of(60)(p);
    return trial->train(p);
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
  const Trained base = b.train();
  const Ensemble fresh = toy_model(*b.trial, "student");
  const auto student = [&](const Length& length) {
    Training p = phase_on(*b.trial, b.task, "student", fresh, "even.train", nullptr, 16, 0.01);
    length(p);
    return distil(*b.trial, b.task, "even.train", p, base);
  };
  const Trained good =
      student(until(*b.trial, b.task, {"even.train", 0.8, 2, 400, 10}));
  EXPECT_GE(b.score(good, "even.train"), 0.8);
  EXPECT_LT(good.steps, 400);
  EXPECT_EQ(student(steps_of(0)).steps, 1);
  EXPECT_EQ(student(epochs_of(1)).steps, (b.task.samples(*b.trial, "even.train") + 15) / 16);
}

TEST(Forgetting, AStudentOfADivergedTeacherCountsAsDiverged) {
  Bench b;
  Trained teacher = b.train();
  teacher.diverged_at = 7;
  const Ensemble fresh = toy_model(*b.trial, "student");
  Training p = phase_on(*b.trial, b.task, "student", fresh, "even.train", nullptr, 16, 0.01);
  steps_of(2)(p);
  EXPECT_EQ(distil(*b.trial, b.task, "even.train", p, teacher).diverged_at, 7);
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
