// A model while its ops are emitted: where parameters get their names and recipes, and where values
// can be reached from outside the model's definition.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"
#include "nn/init.h"
#include "ops/leaf.h"

namespace omni {

// A number fixed when the graph is built, or a scalar value that may differ per model and step.
class Scalar {
 public:
  Scalar(double number) : it_(number) {}  // implicit: options read like numbers
  Scalar(Value value);                    // UserError unless it is a scalar
  Value in(Graph& g) const;
  std::optional<double> number() const;  // nothing for a Value
  // Known to be this number. A term whose weight is(0) is left out: 0 times NaN is NaN.
  bool is(double x) const { return number() == x; }

 private:
  std::variant<double, Value> it_;
};

// A scalar input for a number that the runner gives per model or step: scalar_input(g, "lr").
Value scalar_input(Graph& g, const std::string& name);
// The training step, f32, counted from 1; the input "step". Adam's corrections read it.
Value step_input(Graph& g);

// Emits one model into a graph. Its parameters are the inputs "set/name", such as
// "student/layers.0.weight"; its named activations are the values "set/name". Several Nets of
// different sets may share a graph (a frozen teacher beside its student).
class Net {
 public:
  // `unmet`, which must outlive the net, gets what check_hooks() has to say when the net ends.
  Net(Graph& g, std::string set, std::vector<std::string>* unmet = nullptr);
  ~Net();
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  // Asking twice for a name gives the same value (shared weights); another shape or initialiser is
  // a UserError. A hook of this name is applied once, to the input.
  Value parameter(const std::string& name, const Shape& shape, const Init& init);

  // Names v "set/name", for reading and patching, and returns what the hooks of that name make of
  // it. If there are hooks their result bears the name.
  Value activation(const std::string& name, Value v);

  // Applied where the activation or parameter `name` is emitted later: freeze, noise, patch, mask
  // or route from outside the definition. Several hooks of one name run in the order given. The
  // shape must stay: UserError when the model is emitted if it does not, and for whatever f throws,
  // with the name. UserError if the name has been emitted already.
  void hook(const std::string& name, std::function<Value(Value)> f);

  // Whether somebody wants to see or change the activation `name`, which may cost something to show.
  bool has_hook(const std::string& name) const { return hooks_.contains(name); }

  // UserError if a hook's name was never emitted (a misspelt name would pass unnoticed otherwise).
  // apply() in optimizers.h calls it, and the lab for nets that a Step made.
  void check_hooks() const;

  Graph& graph() const { return graph_; }
  const std::string& set() const { return set_; }
  const std::vector<ParameterSpec>& parameters() const { return specs_; }  // in order of first use
  Value raw_parameter(const std::string& name) const;  // the input itself, without hooks
  Value value(const std::string& name) const;          // the last of that name; UserError, suggests

 private:
  Value hooked(const std::string& name, Value v);
  std::optional<std::string> unmet_hook() const;  // what is wrong with the first

  Graph& graph_;
  std::string set_;
  std::vector<std::string>* unmet_;
  std::vector<ParameterSpec> specs_;
  std::map<std::string, Value> raw_, values_;
  std::map<std::string, std::vector<std::function<Value(Value)>>> hooks_;
};

}  // namespace omni
