// What a phase of training has to know of a task: how a batch of one of its subsets goes into a
// network, what is to come out, and how well it does. Experiments on images, on text and on tables
// hand these functions to the same phases (studies/forgetting.h).
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
  std::function<Value(Step&, const std::string&subset, Value positions)> inputs, labels;
  std::function<Value(Net&, Value inputs)> logits;  // [rows, .., classes]
  // How much of this batch of a subset is right: a scalar, the mean over its samples.
  std::function<Value(Step&, const std::string& subset, Value logits)> score;
  std::string table_suffix = {};  // a subset's samples are the rows of the table <subset><suffix>
  Optimizer optimizer = Adam{};
  ApplyOptions apply = {};

  int64_t samples(const Trial& t, const std::string& subset) const;  // UserError if there is none
  // As in lab/subset.h.
  Value random_positions(Step& s, const std::string& subset, const std::string& purpose) const;

  // The mean cross-entropy of a subset's labels, and the score on it, of a model on `net`.
  ScalarOf loss(const std::string& subset) const;
  ScalarOf scored(const std::string& subset) const;
  // As Trial::train() with a loss, but by the task's optimizer; `how.on` is a subset of the task.
  Trained train(Trial& t, const std::string& name, const Trained& start, Training how,
                const ScalarOf& loss, const Reads& reads = {}) const;
  // The score as the probe's result "score"; when it looks is left to fill in.
  Probe probe(const Trial& t, const std::string& subset) const;
};

double score_on(Trial& t, const LearningTask& task, const Trained& model,
                const std::string& subset);

}  // namespace omni
