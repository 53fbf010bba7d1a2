// What a model computes inside: named activations read over rows of a table, of any model of an
// ensemble, as it is or under interventions (nn/interventions.h).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/evaluation.h"
#include "nn/interventions.h"

namespace omni {

struct Activation {
  Shape shape;                // [rows, ...]; without rows where it is equal for all
  std::vector<float> values;  // row-major
};
using Activations = std::map<std::string, Activation>;

struct Reading {
  // Emits the model on this step's rows: transformer(net, s.rows("train.x"), options).
  std::function<void(Step&, Net&)> define;
  int64_t rows = 0;                // 0..rows-1 of the trial's tables
  std::vector<std::string> names;  // "blocks.0.hook_resid_post", "logits"
  // Made for this step before the model is emitted: {steer(name, s.table("direction"), 2)}.
  std::function<std::vector<Intervention>(Step&)> changes = {};
};

// The named activations, as they are after the changes; an evaluation of the trial's, so zeros in
// dry runs. A model from a checkpoint is an ensemble of one: loaded[0]. UserError for names that
// the model does not have, with the nearest.
Activations read_activations(Trial& t, const Reading& reading, ModelView model);

// Each under "<prefix>/<name>", for s.rows("donor/blocks.0.hook_resid_post").
DataTable tables_of(Activations activations, const std::string& prefix);

}  // namespace omni
