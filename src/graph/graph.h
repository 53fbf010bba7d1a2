// A model or a training step as a static graph: a flat, typed, single-assignment list of ops whose
// inputs point only backwards. Everything else (gradients, passes, plans) reads or appends to it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/type.h"

namespace omni {

class Graph;
struct OpDef;
namespace cpu {
struct OpPlan;
}

// What an op needs to know besides its inputs; small, ordered, comparable, printable.
class Attrs {
 public:
  using Item = std::variant<int64_t, double, std::string, std::vector<int64_t>>;

  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const std::string, Item>> items) : items_(items) {}

  int64_t integer(const std::string& name) const { return get<int64_t>(name); }
  double number(const std::string& name) const { return get<double>(name); }
  const std::string& text(const std::string& name) const { return get<std::string>(name); }
  const std::vector<int64_t>& list(const std::string& name) const {
    return get<std::vector<int64_t>>(name);
  }
  bool has(const std::string& name) const { return items_.contains(name); }
  void set(const std::string& name, Item item) { items_[name] = std::move(item); }
  const std::map<std::string, Item>& items() const { return items_; }
  bool operator==(const Attrs&) const = default;

 private:
  template <class T>
  const T& get(const std::string& name) const {
    const auto it = items_.find(name);
    check(it != items_.end() && std::holds_alternative<T>(it->second), "attribute '{}' is missing",
          name);
    return std::get<T>(it->second);
  }
  std::map<std::string, Item> items_;
};

// One equation: value = op(inputs). `name` is the user's, empty when nobody named it.
struct Node {
  const OpDef* op;
  std::vector<int> in;
  Attrs attrs;
  Type type;
  std::string name;
};

// A handle to one value of one graph.
struct Value {
  Graph* graph = nullptr;
  int id = -1;

  const Node& node() const;
  const Type& type() const;
  const Shape& shape() const { return type().shape; }
  int64_t dim(int axis) const;               // negative axes count from the back
  Value named(std::string name) const;       // names it, for reading, patching and printing
};

// A value given from outside at run time; see ops/leaf.h for makers.
bool is_input(const Node& n);

// What the runner writes after a run: a result that the host reads, or the new value of an input
// (a parameter, an optimiser's moment), which replaces the old one when all its readers are done.
struct Output {
  std::string name;
  int id;
  bool update;
  bool operator==(const Output&) const = default;
};

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;              // Values point at their graph: copies are asked for
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&&) = delete;

  // Appends op(in) with the type that the op's shape rule gives. Throws UserError if it refuses.
  Value add(const OpDef& op, std::span<const Value> in, Attrs attrs = {});
  Value add(const OpDef& op, std::initializer_list<Value> in, Attrs attrs = {}) {
    return add(op, std::span(in.begin(), in.size()), std::move(attrs));
  }

  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int id) const { return nodes_[id]; }
  Node& edit(int id) { return nodes_[id]; }  // for passes; verify() afterwards
  Value value(int id) { return {this, id}; }

  std::optional<Value> find_input(std::string_view name);  // inputs are unique by name
  std::optional<Value> find(std::string_view name);        // any value; the last one of that name

  void result(std::string name, Value v);    // the host reads it after a run
  void update(Value input, Value v);         // v becomes the input's value after the run
  const std::vector<Output>& outputs() const { return outputs_; }
  std::vector<Output>& edit_outputs() { return outputs_; }

  // Appends a copy of `other`'s nodes, outputs and names to this empty graph.
  void copy_from(const Graph& other);

  // Takes over the nodes of `other`, a rewritten form of this graph, with these outputs.
  void replace_with(Graph& other, std::vector<Output> outputs);

 private:
  std::deque<Node> nodes_;  // not a vector: references to nodes, types and shapes must stay valid
  std::vector<Output> outputs_;
};

// --- What an op is -----------------------------------------------------------------------------

// Handed to a gradient rule: read the forward values, add cotangents of the inputs.
class GradContext {
 public:
  GradContext(Graph& g, int id, Value dy, size_t arity) : d(arity), graph_(g), id_(id), dy_(dy) {}
  Value x(int i) const { return {&graph_, graph_.node(id_).in[i]}; }
  Value y() const { return {&graph_, id_}; }
  Value dy() const { return dy_; }
  const Attrs& attrs() const { return graph_.node(id_).attrs; }
  Graph& graph() const { return graph_; }
  void add(int i, Value v) { d[i] = v; }     // call at most once per input
  std::vector<std::optional<Value>> d;

 private:
  Graph& graph_;
  int id_;
  Value dy_;
};

// A value of the reference interpreter: doubles in row-major order, whatever the type stores.
struct RefArray {
  Type type;
  std::vector<double> v;
};

// Handed to an op's reference: plain loops in double, from in(i) to out().
class RefContext {
 public:
  RefContext(std::vector<const RefArray*> in, RefArray& out, const Attrs& attrs)
      : in_(std::move(in)), out_(out), attrs_(attrs) {}
  const RefArray& in(int i) const { return *in_[i]; }
  int arity() const { return static_cast<int>(in_.size()); }
  RefArray& out() { return out_; }           // type set, values zero
  const Attrs& attrs() const { return attrs_; }

 private:
  std::vector<const RefArray*> in_;
  RefArray& out_;
  const Attrs& attrs_;
};

inline constexpr int kAnyArity = -1;

struct OpDef {
  const char* name;
  int arity;                                              // or kAnyArity
  Type (*type)(std::span<const Type> in, const Attrs&);   // shape rule; throws UserError
  void (*grad)(GradContext&) = nullptr;                   // null: not differentiable
  void (*reference)(RefContext&) = nullptr;               // what the op means
  const cpu::OpPlan* cpu = nullptr;                       // cpu/op_plan.h; null: not for CPUs
  bool elementwise = false;  // every element on its own: chains of these may become one pass
  bool identity = false;     // forward, the output is the first input: dropped before planning
  bool alias = false;        // the output is the first input's memory seen with another shape
  bool takes_bf16 = false;   // reads inputs, and may make its result, rounded to bf16
  bool row_gather = false;   // rows in[0][in[1]]: fused elementwise passes may read it directly
  int scalars_from = 99;     // elementwise: inputs from this one on are single values, in[i][0]
  bool wants_bf16 = false;   // under bf16 precision its float inputs are rounded (matmuls)
  double (*flops)(std::span<const Type> in, const Type& out) = nullptr;  // only matmul-like ops
};

// The node whose memory holds id's value: aliases (reshapes) lead to what they look at.
int memory_of(const Graph& g, int id);

}  // namespace omni
