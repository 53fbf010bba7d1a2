#include "graph/graph.h"

namespace omni {

const Node& Value::node() const { return graph->node(id); }
const Type& Value::type() const { return node().type; }
int64_t Value::dim(int axis) const { return shape()[normal_axis(axis, shape().rank(), "dim")]; }
Value Value::named(std::string name) const {
  graph->edit(id).name = std::move(name);
  return *this;
}

bool is_input(const Node& n) { return n.in.empty() && n.attrs.has("role"); }

Value Graph::add(const OpDef& op, std::span<const Value> in, Attrs attrs) {
  check(op.arity == kAnyArity || op.arity == static_cast<int>(in.size()),
        "{} takes {} inputs, got {}", op.name, op.arity, in.size());
  Node n{&op, {}, std::move(attrs), {}, {}};
  std::vector<Type> types;
  for (const Value& v : in) {
    require(v.graph == this, "{}: an operand was made in another graph: a step's values are its own",
            op.name);
    n.in.push_back(v.id);
    types.push_back(nodes_[v.id].type);
  }
  n.type = op.type(types, n.attrs);
  nodes_.push_back(std::move(n));
  return {this, size() - 1};
}

std::optional<Value> Graph::find(std::string_view name) {
  for (int id = size() - 1; id >= 0; --id)
    if (nodes_[id].name == name) return Value{this, id};
  return std::nullopt;
}

std::optional<Value> Graph::find_input(std::string_view name) {
  for (int id = 0; id < size(); ++id)
    if (nodes_[id].name == name && is_input(nodes_[id])) return Value{this, id};
  return std::nullopt;
}

void Graph::result(std::string name, Value v) {
  check(v.graph == this, "result '{}' belongs to another graph", name);
  for (const Output& o : outputs_)
    require(o.update || o.name != name, "two results are called '{}'", name);
  outputs_.push_back({std::move(name), v.id, false});
}

void Graph::update(Value input, Value v) {
  check(v.graph == this && input.graph == this, "an update belongs to another graph");
  check(is_input(input.node()), "only inputs can be updated");
  require(input.shape() == v.shape(), "update of '{}': it is {}, its new value is {}",
          input.node().name, input.type(), v.type());
  for (const Output& o : outputs_)
    require(!o.update || o.name != input.node().name, "'{}' is updated twice", o.name);
  outputs_.push_back({input.node().name, v.id, true});
}

void Graph::copy_from(const Graph& other) {
  check(nodes_.empty(), "copy_from: the graph is not empty");
  nodes_ = other.nodes_;
  outputs_ = other.outputs_;
}

void Graph::replace_with(Graph& other, std::vector<Output> outputs) {
  nodes_ = std::move(other.nodes_);
  outputs_ = std::move(outputs);
}

int memory_of(const Graph& g, int id) {
  while (g.node(id).op->alias) id = g.node(id).in[0];
  return id;
}

}  // namespace omni
