// A graph as a side of a comparison, and what is left of a training step when everything but its
// matrix products is taken away.
#pragma once

#include <deque>

#include "base/memory.h"
#include "bench/measure.h"
#include "executors/cpu/program.h"

namespace omni::bench {

// The matrix products of `from`, each on inputs of its operands' types. Attention counts as its
// products and what stands between them, which its plan does not part.
void keep_products(const Graph& from, Graph& to);

// One worker's program on memory of its own, filled with small numbers.
class GraphSide {
 public:
  explicit GraphSide(const Graph& g, ProgramOptions options = {});
  GraphSide(const GraphSide&) = delete;
  Side side();  // must not outlive this object
  void run() { program_.run(); }

 private:
  Program program_;
  std::deque<AlignedBytes> memory_;
};

}  // namespace omni::bench
