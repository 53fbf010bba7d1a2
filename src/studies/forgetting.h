// Making a model forget a part of its task: phases of unlearning and of distillation into another
// model, and the attack that tries to bring the forgotten back. None knows what the task is about;
// subsets are names that the task knows. How long a phase lasts, its batch and rate are the
// caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "studies/learning_task.h"
#include "studies/relearning.h"

namespace omni {

// Trains a student on the outputs of a frozen teacher, over a subset and without labels: it
// minimises the mean over rows of KL(softmax(teacher) || softmax(student)). All students of a seed
// see the same batches in the same order.
Trained distil(Trial& t, const LearningTask& task, const std::string& name, const Trained& start,
               Training how, const Trained& teacher);

// --- Methods of unlearning ---

struct UnlearningMethod {
  std::string id, label;  // "maxent", "MaxEnt"
};
// MaxEnt, GradDiff and RMU, which unlearn() trains by, and oracle matching, which is a distillation
// of a network that never saw what is to be forgotten.
std::span<const UnlearningMethod> unlearning_methods();
// The ids in "maxent+rmu"; UserError for one that is none, or is there twice.
std::vector<std::string> unlearning_ids(const std::string& joined);
const UnlearningMethod& unlearning_method(const std::string& id);

struct Unlearning {
  std::string method = "maxent";  // or graddiff, rmu; the phase's name
  std::string forget;             // the subset
  double graddiff_weight = 1;     // of the loss on what is retained
  double rmu_c = 1, rmu_weight = 1;
  // Of RMU: the activation [rows, .., width] that is misdirected, and what trains.
  std::string activation = {};
  std::function<bool(const std::string& parameter)> trainable = {};
};
// A phase of unlearning: at each step a batch of `how.on`, what is retained, in order, and one of
// the forget subset, at random. Losses: nn/unlearning.h.
Trained unlearn(Trial& t, const LearningTask& task, const Trained& base, Training how,
                const Unlearning& what);

// --- Attack ---

// A relearning attack that trains on a subset and is measured by the score on another. Rates,
// steps, batch and key are left to fill in.
RelearningAttack attack_on(Trial& t, const LearningTask& task, const std::string& train,
                           const std::string& test);

}  // namespace omni
