// Plans a graph for one worker on one core: lets each op add its steps once, in the order and with
// the memory that were decided before, and keeps the list of steps. Nothing is allocated or created
// when the steps run.
#pragma once

#include <dnnl.hpp>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "cpu/op_plan.h"
#include "graph/graph.h"
#include "graph/layout.h"

namespace omni::cpu {

// The place of a value. The cell stays, the pointer in it may change between runs: inputs are bound
// to the memory of one model after another.
template <class T>
class Cell {
 public:
  explicit Cell(void* const* at = nullptr) : at_(at) {}
  T* get() const { return static_cast<T*>(*at_); }

 private:
  void* const* at_;
};

// One planned piece of work. `parts` > 1 asks for the part-th share of a divisible step, so that
// the threads of a team can share it; other steps are run by one thread, as part 0 of 1.
struct Step {
  std::string label;
  bool divisible;
  std::function<void(int part, int parts)> run;
};

struct Argument {
  int name;  // DNNL_ARG_...
  int id;    // node whose memory it is
  dnnl::memory::desc desc;
};

class Planner {
 public:
  Planner(const Graph& graph, Layout layout, const MemoryPlan& memory);
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  // --- For ops' plans ---
  const Graph& graph() const { return graph_; }
  const Node& node(int id) const { return graph_.node(id); }
  const Type& type(int id) const { return graph_.node(id).type; }
  DType dtype(int id) const { return type(id).dtype; }

  // Where node id's value is at run time; T must match its stored dtype.
  template <class T>
  Cell<T> cell(int id) const { return Cell<T>(&cells_[storage(id)]); }
  void* const* address(int id) const { return &cells_[storage(id)]; }

  // Working memory of at least `bytes`, 64-byte aligned, shared by all steps: its contents last for
  // one step only.
  Cell<char> scratch(int64_t bytes);

  void step(int id, std::function<void()> run);                                 // one thread
  void divisible_step(int id, std::function<void(int part, int parts)> run);    // shareable

  // oneDNN: a dense row-major descriptor of node id's stored type (a scalar becomes [1]), and a
  // step that executes a primitive. Primitives are to be made with attributes(): user scratchpad,
  // and ReLU after everything else where asked for.
  const dnnl::engine& engine() const { return engine_; }
  dnnl::memory::desc desc(int id) const;
  static dnnl::memory::data_type data_type(DType t);
  static dnnl::primitive_attr attributes(bool relu = false);
  void primitive(int id, const dnnl::primitive& p, const dnnl::memory::desc& scratchpad,
                 std::vector<Argument> arguments);

  Epilogue epilogue(int id) const;      // of a matmul-like op that leads a unit
  bool is_stored(int id) const { return layout_.stored[id]; }
  int updated_in_place(int id) const;   // the input that node id overwrites, or -1

  // --- For the runner ---
  void set(int id, void* data);  // binds an input, or a result kept outside the arena
  std::span<const Step> steps() const { return steps_; }
  int64_t arena_bytes() const { return arena_.size(); }
  int64_t scratch_bytes() const { return scratch_.size(); }
  // The node whose memory holds id's value: aliases (reshapes) lead to what they look at.
  int storage(int id) const { return storage_[id]; }
  const void* data(int id) const { return cells_[storage(id)]; }

 private:
  void write_constants();
  void plan_unit(const Unit& unit);

  const Graph& graph_;
  Layout layout_;
  std::vector<int> storage_;
  std::vector<void*> cells_;  // by node; only storage nodes' entries are used
  AlignedBytes arena_, constants_, scratch_;
  void* scratch_cell_ = nullptr;
  std::vector<Step> steps_;
  std::map<int, Epilogue> epilogues_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

// Plans elementwise nodes over one index space as one pass over blocks that stay in cache, each in
// a register. Members, and inputs that are not dense f32 of that space, take at most one each.
inline constexpr int kMaxRegisters = 64;
void plan_elementwise(Planner& p, std::span<const int> members);

}  // namespace omni::cpu
