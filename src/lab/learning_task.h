// What a phase of training has to know of a task: how a batch of one of its subsets goes into a
// network, what is to come out, and how well it does. Experiments on images, on text and on tables
// hand these functions to the same phases (lab/forgetting.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lab/trial.h"
#include "nn/optimizers.h"

namespace omni {

struct LearningTask {
  // Of the samples at these positions of a subset, i32 [rows]: what the network reads, and the
  // labels of its logits, i32 of their shape without the last axis.
  std::function<Value(Step&, const std::string& subset, Value positions)> inputs, labels;
  std::function<Value(Net&, Value inputs)> logits;  // [rows, .., classes]
  // How much of this batch of a subset is right: a scalar, the mean over its samples.
  std::function<Value(Step&, const std::string& subset, Value logits)> score;
  std::string table_suffix = {};  // a subset's samples are the rows of the table <subset><suffix>
  Optimizer optimizer = Adam{};
  ApplyOptions apply = {};

  int64_t samples(const Trial& t, const std::string& subset) const;  // UserError if there is none
  // As in lab/subset.h.
  Value random_positions(Step& s, const std::string& subset, const std::string& purpose) const;
};

// One step of learning a subset's labels by mean cross-entropy at the rate s.lr(), for
// Training::build: the set is "model".
StepBuilder labelled_step(const LearningTask& task, const std::string& subset);

// The score of the set "model" on a subset, as the scalar `result`: for probes and attacks.
StepBuilder scored(const LearningTask& task, const std::string& subset, const std::string& result);
double score_on(Trial& t, const LearningTask& task, const Ensemble& model,
                const std::string& subset);

}  // namespace omni
