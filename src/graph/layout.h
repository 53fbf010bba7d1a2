// What was decided about a graph before a device plans it: data, and nothing of the device.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace omni {

// What a matmul-like op does to its result before it stores it: add a bias along the last axis,
// then ReLU. `output` is the node whose value is stored (the op itself without an epilogue).
struct Epilogue {
  int output;
  int bias = -1;  // node of shape [columns], or -1
  bool relu = false;
};

// Nodes that become one step: a single op, several elementwise ops over the same index space (and
// gathers that feed them), or a matmul-like op with its epilogue. Members ascend.
struct Unit {
  std::vector<int> members;
  std::optional<Epilogue> epilogue;
};

// What becomes one step, in which order steps run, and which values need memory.
struct Layout {
  std::vector<Unit> units;      // every node that needs work, in an order that respects inputs
  std::vector<bool> stored;     // by node: its value must stand in memory
  std::map<int, int> in_place;  // node -> the input whose memory it overwrites
  std::set<int> external;       // nodes whose memory is bound from outside, besides inputs
  std::set<int> copied;         // updates that the runner copies to their inputs after the steps
};

// Where in one arena the values stand that are stored and have no memory outside of it.
struct MemoryPlan {
  std::vector<int64_t> offset;  // by node, bytes; -1: not in the arena
  int64_t bytes = 0;            // of the arena
};

}  // namespace omni
