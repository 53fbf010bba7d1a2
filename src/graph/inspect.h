// Looking at graphs: check them, print them, fingerprint them.
#pragma once

#include <cstdint>
#include <string>

#include "graph/graph.h"

namespace omni {

// Throws Bug unless inputs point backwards, every stored type is what the shape rule gives for the
// stored inputs, inputs of one name are one node, and outputs exist, have names of their own and,
// as updates, the shape of an input. `when` says after what.
void verify(const Graph& g, const char* when);

// One line per node: "%7 = matmul %3 %5 {transpose_b=1} : f32[128*, 256]  # logits".
std::string to_string(const Graph& g);

// Equal for graphs that compute the same list of ops on inputs of the same names.
uint64_t fingerprint(const Graph& g);

}  // namespace omni
