// The meaning of a graph: every op's plain reference, run in double precision, one node at a time.
// Slow and simple; kernels are tested against it and `omni debug` shows values from it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace omni {

using RefInputs = std::map<std::string, RefArray>;

// The value of every node. Inputs are looked up by name; one that is missing or of another shape is
// a UserError. Values that the graph stores as bf16 are rounded to bf16.
std::vector<RefArray> interpret(const Graph& g, const RefInputs& inputs);

// The values of a graph's nodes by number. Inputs lie where they were given, and must outlive this.
class RefValues {
 public:
  RefValues(RefValues&&) = default;
  RefValues& operator=(RefValues&&) = default;
  const RefArray& operator[](int id) const { return *at_[static_cast<size_t>(id)]; }

 private:
  RefValues() = default;
  friend RefValues interpret_in_place(const Graph&, const std::map<std::string, const RefArray*>&);
  friend std::vector<RefArray> interpret(const Graph&, const RefInputs&);
  std::vector<RefArray> own_;  // empty where at_ looks elsewhere
  std::vector<const RefArray*> at_;
};

// As interpret(), without a copy of any input (but of those that are stored as bf16, for rounding):
// what tables cost is not paid at every step. UserError for a missing input and for one of another
// element type or shape.
RefValues interpret_in_place(const Graph& g, const std::map<std::string, const RefArray*>& inputs);

// The value nearest to x among bf16's (round to nearest even; NaN and infinity stay).
double round_to_bf16(double x);

}  // namespace omni
