// Cutting a batch into slices of rows: one mechanism for large batches that would fall out of the
// cache, for sharing one model between cores, and for evaluating many rows in little memory.
//
// The body runs once per slice and yields rows of batched results and partial sums; the tail adds
// the partial sums in slice order and does what remains (optimiser, totals). Where rows depend on
// sums over all rows, bodies and tails take turns: stages. Which slices and stages there are
// depends on the graph, the precision and the kind of device alone, so that bits do not depend on
// who runs them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/device_limits.h"
#include "graph/graph.h"

namespace omni {

struct Slice {
  int64_t begin, rows;
  int body;  // index into Stage::bodies
};

// Graphs that hand values on by name: what is no result of the whole graph is an input of others.
// What a body makes has a memory of its own for each slice: bodies of later stages read rows of the
// same slice, tails read the partial sums p of all slices s as partial_name(p, s). What a tail makes
// is read by bodies and tails of later stages.
struct Stage {
  std::vector<std::unique_ptr<Graph>> bodies;  // of the common number of rows, of the last slice
  Graph tail;                                  // the last one has the updates
};

struct SlicedGraph {
  std::vector<Slice> slices;
  std::deque<Stage> stages;
};

std::string partial_name(const std::string& partial, int slice);

// The device and the `value_bytes` of an activation, 4 or 2, set how many rows make a slice. Null
// if the batch is small, or if the graph must run whole: rows meet otherwise than in sums (pairs of
// rows, largest of the batch), rows of several numbers meet, rows are not the first axis of an
// input or a result, or an update keeps values by row.
std::unique_ptr<SlicedGraph> slice_batch(const Graph& g, const DeviceLimits& limits,
                                         int64_t value_bytes = sizeof(float));

}  // namespace omni
