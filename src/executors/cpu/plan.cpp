#include "executors/cpu/plan.h"

#include <chrono>
#include <cstring>

#include "engine/layout.h"
#include "engine/memory_plan.h"
#include "ops/leaf.h"

namespace omni {
namespace {

cpu::Planner planned(const Graph& g, const DeviceLimits& limits, const std::set<Pass>& off) {
  Layout layout = make_layout(g, limits, off);
  const MemoryPlan memory = plan_memory(g, layout, limits, off);
  return cpu::Planner(g, std::move(layout), memory);
}

}  // namespace

Plan::Plan(std::unique_ptr<Graph> graph, const DeviceLimits& limits, const std::set<Pass>& off)
    : graph_(std::move(graph)), planner_(planned(*graph_, limits, off)) {
  for (int id = 0; id < graph_->size(); ++id)
    if (is_input(graph_->node(id))) inputs_[graph_->node(id).name] = id;
  for (const Output& o : graph_->outputs()) {
    if (!o.update)
      results_[o.name] = o.id;
    else if (planner_.updated_in_place(o.id) < 0)
      copies_.push_back({o.id, inputs_.at(o.name)});
  }
}

void Plan::set_input(const std::string& name, void* data) {
  if (const auto it = inputs_.find(name); it != inputs_.end()) set(it->second, data);
}

void Plan::set_result(const std::string& name, void* data) {
  if (const auto it = results_.find(name); it != results_.end()) set(it->second, data);
}

void Plan::run() {
  for (const cpu::Step& s : steps()) s.run(0, 1);
  finish();
}

void Plan::run_timed(std::span<double> step_us) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  for (size_t i = 0; i < steps().size(); ++i) {
    steps()[i].run(0, 1);
    const Clock::time_point end = Clock::now();
    step_us[i] += std::chrono::duration<double, std::micro>(end - begin).count();
    begin = end;
  }
  finish();
}

void Plan::finish() {
  for (const auto& [from, to] : copies_)
    std::memcpy(*planner_.address(to), planner_.data(from), type(from).bytes());
}

}  // namespace omni
