// A graph planned for one thread: its steps, and its inputs and results by name.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cpu/planner.h"
#include "engine/device_limits.h"
#include "engine/passes.h"

namespace omni {

class Plan {
 public:
  // Without the passes of `off`. Expects separate_outputs() to have run on the graph.
  Plan(std::unique_ptr<Graph> graph, const DeviceLimits& limits, const std::set<Pass>& off);

  const std::map<std::string, int>& inputs() const { return inputs_; }  // name -> node
  const std::map<std::string, int>& results() const { return results_; }
  const Type& type(int id) const { return graph_->node(id).type; }
  std::span<const cpu::Step> steps() const { return planner_.steps(); }
  int64_t bytes() const { return planner_.arena_bytes() + planner_.scratch_bytes(); }

  // Where an input or a result lives. Names that this plan does not have are skipped: a program's
  // plans each know some of its names.
  void set_input(const std::string& name, void* data);
  void set_result(const std::string& name, void* data);
  void set(int id, void* data) { planner_.set(id, data); }  // by node

  // All steps on this thread, then finish().
  void run();
  // The same, adding the microseconds each step takes to its entry.
  void run_timed(std::span<double> step_us);
  // Writes the updates that could not be made in place; after all steps.
  void finish();

 private:
  std::unique_ptr<Graph> graph_;
  cpu::Planner planner_;
  std::map<std::string, int> inputs_, results_;
  std::vector<std::pair<int, int>> copies_;  // from the update to its input
};

}  // namespace omni
