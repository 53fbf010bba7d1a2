// Phases taken apart: the graphs of steps, probes and evaluations on a few rows, with their inputs,
// for the reference interpreter.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "lab/debug_phase.h"
#include "lab/runner.h"

namespace omni {

// A training step, a probe, an evaluation or a program of a phase of several on a small batch; or
// such a phase itself, which has rounds and no graph.
struct DebugGraph {
  // "teacher", "teacher, its probe", "gan", "gan, critic", "evaluation of accuracy over test"; then
  // its variant in a sweep: "teacher | width=64".
  std::string name;
  std::string phase = {};    // of several programs, of which it is a part: "gan"
  std::string why_not = {};  // why its values cannot be shown; else empty
  // Of a phase of several programs and its parts; null where no values are wanted. The program
  // stands as it did at its first run of the last round.
  std::shared_ptr<const DebugRound> round = {};
  std::string program = {};  // of the phase that it is
  bool is_phase() const { return !phase.empty() && name == phase; }
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  int ops = 0;            // its own: what stands after them makes gradients
  std::string text = {};  // of these, printed
  RefInputs inputs = {};  // weights, the optimiser's state, numbers, and the data's first rows
  std::map<std::string, const RefArray*> tables = {};
  std::map<std::string, int> gradients = {};  // of the loss, by the input that it is of
  int64_t step = 0, steps = 0;  // the next step's number less 1, and of how many; 0 of what is none
  std::function<double(int64_t step)> rate = {};  // where there is one

  bool is_step() const { return steps > 0; }
};

struct DebugRequest {
  int64_t rows = 8;  // of the batch, or the phase's own number if that is smaller
  // Whether phases run once they were shown, so that what follows starts from trained weights. Else
  // nothing runs, and weights are drawn anew.
  bool run = false;
  int threads = 1;
  int steps =
      1;  // rounds of a phase of several programs that are taken, as its real host takes them
  // Of which values are wanted, without which no round is taken; none: of all.
  std::function<bool(const DebugGraph&)> wanted = {};
};

// Shows the distinct graphs of one seed, in the order in which they are met, until `show` returns
// false. What it is given is valid while it is called.
void debug_graphs(const Resolved& r, const Dataset& data, const DebugRequest& request,
                  const std::function<bool(DebugGraph&)>& show);

// The value of every node.
RefValues interpret(const DebugGraph& g);
// Writes the updates of a step into the inputs and goes on to the next.
void take_updates(DebugGraph& g, const RefValues& values);

// The first of so many nodes with an element that is no finite f32, and that element's position.
struct NotFinite {
  int node;
  size_t element;
};
std::optional<NotFinite> first_not_finite(const RefValues& values, int nodes);

}  // namespace omni
