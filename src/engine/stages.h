// When each value of a sliced batch is computed: stages, for graphs in which rows depend on sums
// over all rows (a batch's statistics, the counts of its classes, penalties on its correlations).
//
// A stage runs its body on every slice, then its tail once. The tail adds the body's sums; what it
// makes of them, bodies of later stages may read.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace omni {

// What a node is when rows are cut apart: the same for all rows, one entry per row, a sum over the
// rows, or made from such sums.
enum class Part { free, row, sum, after };

struct Staged {
  Part part;
  int stage;  // whose bodies compute a row or add up a sum; whose tail makes what comes after
  bool kept;  // stays in memory for later stages: a row slice by slice, a sum once it is added
};

// Where each node goes; nothing if rows cannot be cut apart. A row that is read in a later stage
// but not kept is computed there again: elementwise passes make it from what that stage has.
std::optional<std::vector<Staged>> assign_stages(const Graph& g);

}  // namespace omni
