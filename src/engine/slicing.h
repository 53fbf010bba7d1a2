// Cutting a batch into slices of rows: one mechanism for large batches that would fall out of the
// cache, for sharing one model between cores, and for evaluating many rows in little memory.
//
// The body runs once per slice and yields rows of batched results and partial sums; the tail adds
// the partial sums in slice order and does what remains (optimiser, totals). Which slices there are
// depends on the graph and the precision alone, so that bits do not depend on who runs them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace omni {

struct Slice {
  int64_t begin, rows;
  int body;  // index into SlicedGraph::bodies
};

struct SlicedGraph {
  std::vector<Slice> slices;
  std::vector<std::unique_ptr<Graph>> bodies;  // of the common number of rows, of the last slice
  std::vector<std::string> partials;           // results of a body that are partial sums
  Graph tail;                                  // reads partial_name(p, s) for every slice s
};

std::string partial_name(const std::string& partial, int slice);

// `value_bytes` of an activation set how many rows fit the cache: 4 in f32, 2 in bf16. Null if the
// batch is small, or if the graph must run whole: some row's value depends on other
// rows (batch statistics), rows of several numbers meet, rows are not the first axis of an input or
// a result, or an update keeps values by row.
std::unique_ptr<SlicedGraph> slice_batch(const Graph& g, int64_t value_bytes = sizeof(float));

}  // namespace omni
