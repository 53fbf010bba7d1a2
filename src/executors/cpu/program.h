// A graph made ready to run on CPU cores: passes applied, planned once, bound to memory, run often.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/passes.h"
#include "engine/precision.h"
#include "executors/cpu/limits.h"
#include "graph/graph.h"

namespace omni {

struct ProgramOptions {
  Precision precision = Precision::f32;
  std::set<std::string> passes_off = passes_off_here();  // names of passes() in engine/passes.h
  int threads = 1;                   // of the team that runs this program; never changes its bits
  DeviceLimits limits = cpu::limits();
};

// One program runs one model at a time; a worker binds it to one model after another. Not for
// concurrent use: every worker has its own.
class Program {
 public:
  // Throws UserError for a graph that cannot run (an op without a CPU plan, an unknown pass).
  explicit Program(const Graph& graph, ProgramOptions options = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Sets where an input lives, dense row-major in its type's dtype, until it is bound again.
  // Updated inputs are overwritten in place by run(). Throws Bug for unknown names.
  void bind(const std::string& input, const void* data);
  bool has_input(const std::string& input) const;
  const Type& input_type(const std::string& input) const;  // Bug for unknown names
  // Forgets all bindings, so that nothing of the last model's can be read by mistake.
  void unbind();
  std::vector<std::string> unbound() const;  // inputs that run() would miss

  // To be called when a bound parameter changed other than by this program's own updates (after
  // bind, too): values derived from parameters alone, such as bf16 copies, are made anew.
  void refresh();

  // Runs the graph once. All inputs must be bound.
  void run();

  // A result of the last run; valid until the next run. T is float or int32_t by its dtype.
  template <class T = float>
  std::span<const T> result(const std::string& name) const {
    const auto [data, count] = result_memory(name, sizeof(T));
    return {static_cast<const T*>(data), static_cast<size_t>(count)};
  }
  // Lets a result be written to memory of the caller's instead; f32 or i32 as in the graph.
  void bind_result(const std::string& name, void* data);

  // --- Looking at it ---
  int64_t arena_bytes() const;             // activations, gradients and scratch of one worker
  std::vector<std::string> step_labels() const;
  // Runs like run(), on one thread, and adds the microseconds of each planned step, over all
  // slices, to its entry of step_us, which is ordered like step_labels().
  void run_timed(std::span<double> step_us);
  int slices() const;  // into how many slices of rows the batch is cut

 private:
  std::pair<const void*, int64_t> result_memory(const std::string& name, size_t element) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace omni
