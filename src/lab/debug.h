// Training steps taken apart: their graphs with fresh inputs, for the reference interpreter.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "lab/runner.h"

namespace omni {

// One phase's training step on a small batch.
struct PhaseGraph {
  std::string name;              // the phase's, with its variant in a sweep: "teacher | width=64"
  std::unique_ptr<Graph> graph;
  RefInputs inputs;              // fresh parameters, zero optimiser state, the data's first rows
};

// The distinct phases of one seed, found by a dry run, with batches of `rows` rows (or the phase's
// own number, if that is smaller).
std::vector<PhaseGraph> phase_graphs(const Resolved& r, const Dataset& data, int64_t rows = 8);

// Interprets one step, then writes the updates into phase.inputs and counts the step. The value of
// every node.
std::vector<RefArray> interpret_step(PhaseGraph& phase);

// The first node with an element that is no finite f32, and that element's position.
struct NotFinite {
  int node;
  size_t element;
};
std::optional<NotFinite> first_not_finite(const std::vector<RefArray>& values);

}  // namespace omni
