#include "lab/distillation.h"

#include <gtest/gtest.h>

#include "lab/test_support.h"

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

  Dataset data = toy_data();
  Worker worker;
  SeedRecord record;
  Trial trial;
};

Training distil(const Trial& t, const Ensemble& teacher, const Ensemble& student) {
  Training p = toy_training(t, student);
  p.name = "distil";
  p.frozen = {{"teacher", &teacher}};
  p.build = distillation({.inputs = [](Step& s) { return s.rows("train.x"); },
                          .logits = toy_logits});
  p.epochs = 30;
  return p;
}

Probe agreement() {
  return {.build =
              [](Step& s) {
                Net net = s.net("model");
                const Value z = toy_logits(net, s.rows("test.x"));
                s.graph().result("accuracy", accuracy(z, s.rows("test.y")));
              },
          .rows = kToyTest,
          .every = 5};
}

TEST(Distillation, TheStudentGetsTheTeachersSkillWithoutLabels) {
  Bench b;
  const Ensemble start = toy_model(b.trial), student = toy_model(b.trial, "student");
  const Trained teacher = b.trial.train(toy_training(b.trial, start));
  const double wanted = toy_accuracy(b.trial, teacher.model);
  ASSERT_GT(wanted, 0.8);
  const uint64_t before = weights_hash(teacher.model[0]);
  const Trained t = b.trial.train(distil(b.trial, teacher.model, student));
  EXPECT_GE(toy_accuracy(b.trial, t.model), wanted - 0.1);
  EXPECT_GT(toy_accuracy(b.trial, t.model), toy_accuracy(b.trial, student) + 0.2);
  EXPECT_EQ(weights_hash(teacher.model[0]), before);
}

TEST(Distillation, AStopRuleEndsIt) {
  Bench b;
  const Ensemble start = toy_model(b.trial), student = toy_model(b.trial, "student");
  const Trained teacher = b.trial.train(toy_training(b.trial, start));
  Training p = distil(b.trial, teacher.model, student);
  p.probe = agreement();
  p.stop = StopRule{"accuracy", 0.7};
  const Trained t = b.trial.train(p);
  EXPECT_LT(t.steps, 30 * 4);
  EXPECT_EQ(t.steps % 5, 0);
  EXPECT_GE(t.probed.back().values.at("accuracy"), 0.7);
}

}  // namespace
}  // namespace omni
