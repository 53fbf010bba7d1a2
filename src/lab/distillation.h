// Distillation: a student learns to give a frozen teacher's outputs, with no labels.
#pragma once

#include <functional>

#include "lab/trial.h"
#include "nn/optimizers.h"

namespace omni {

struct Distillation {
  std::function<Value(Step&)> inputs;           // of this batch: images, noise, tokens
  std::function<Value(Net&, Value)> logits;     // of the student, [.., C]
  std::function<Value(Net&, Value)> teacher_logits = {};  // absent: as the student's
  double temperature = 1;
  Optimizer optimizer = Adam{};
  ApplyOptions apply = {};
};

// One step of minimising the mean over rows of KL(softmax(teacher / T) || softmax(student / T)),
// for Training::build: the student is the set "model", the teacher the frozen set "teacher". How
// long it lasts is the Training's to say; with a probe and a StopRule, "until the student is as
// good as this".
StepBuilder distillation(Distillation d);

}  // namespace omni
