// Making a model forget a part of its task: phases for methods of unlearning, for distillation into
// another model, and the attack that tries to bring the forgotten back. None knows what the task is
// about; subsets are names that the task knows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lab/learning_task.h"
#include "lab/relearning.h"

namespace omni {

// --- Phases ---

// A phase of training on a subset at a constant rate. Orders of batches and random values are keyed
// by the name; how long it lasts is for the caller to fill in.
Training phase_on(Trial& t, const LearningTask& task, const std::string& name,
                  const Ensemble& start, const std::string& subset, StepBuilder build,
                  int64_t batch, double rate);

// Fills in how long a phase lasts.
using Length = std::function<void(Training&)>;
Length epochs_of(int64_t n);
Length steps_of(int64_t n);  // at least one
// Until the score on a subset, looked at every so many steps, is `wanted`; at most `most_steps`.
struct Until {
  std::string subset;
  double wanted = 0;
  int64_t check_every = 1, most_steps = 1, usual_steps = 0;  // the last: see StopRule
};
Length until(Trial& t, const LearningTask& task, const Until& u);

// Trains a student on the outputs of a frozen teacher (lab/distillation.h), without labels: a phase
// of phase_on() on that subset, whose graph is filled in here. All students of a seed see the same
// batches in the same order. Where the teacher has diverged the student counts as diverged too.
Trained distil(Trial& t, const LearningTask& task, const std::string& subset, Training phase,
               const Trained& teacher);

// --- Methods of unlearning ---

struct UnlearningMethod {
  std::string id, label;  // "maxent", "MaxEnt"
  std::string what;       // "outputs on {} are driven to the uniform distribution": {}: forget rows
};
// MaxEnt, GradDiff and RMU, which unlearning_step() emits, and oracle matching, which is a
// distillation of a network that never saw what is to be forgotten.
std::span<const UnlearningMethod> unlearning_methods();
// The ids in "maxent+rmu"; UserError for one that is none, or is there twice.
std::vector<std::string> unlearning_ids(const std::string& joined);
const UnlearningMethod& unlearning_method(const std::string& id);

struct Unlearning {
  std::string method = "maxent";  // or graddiff, rmu
  std::string retain, forget;     // subsets
  double graddiff_weight = 1;     // of the loss on what is retained
  double rmu_c = 1, rmu_weight = 1;
  // Of RMU: the activation [rows, .., width] that is misdirected, and what trains.
  std::string activation = {};
  std::function<bool(const std::string& parameter)> trainable = {};
};
// One step of unlearning, for Training::build: a batch of the retain subset, in order, and one of
// the forget subset, at random. RMU reads the frozen set "before". Losses: nn/unlearning.h.
StepBuilder unlearning_step(const LearningTask& task, const Unlearning& how);

// --- Attack ---

// A relearning attack that trains on a subset and is measured by the score on another. Rates,
// steps, batch and key are left to fill in.
RelearningAttack attack_on(Trial& t, const LearningTask& task, const std::string& train,
                           const std::string& test);

}  // namespace omni
