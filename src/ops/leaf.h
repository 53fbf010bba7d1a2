// Ops without inputs: values given from outside at run time, and scalar constants.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef input, constant;
}

// What an input is to its graph.
enum class Role : int64_t {
  parameter,  // belongs to a model: weights, an optimiser's moments; may be updated by the graph
  scalar,     // one number per model and run: learning rate, loss weight, temperature, step
  data,       // shared by models or given per batch: images, labels, sample numbers, random keys
};

// A value given at run time, unique by name within its graph. `type.batch` marks the batch axis of
// an input with one entry per row of the batch. Asking twice for a name gives the same value; with
// another type it is a UserError.
Value input(Graph& g, const std::string& name, const Type& type, Role role);
Role role_of(const Node& n);      // of an input

Value constant(Graph& g, double x);                          // a scalar, f32
std::optional<double> constant_value(const Node& n);         // of a constant, else nothing

}  // namespace omni
