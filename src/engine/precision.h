// bf16 precision: which values are stored with 16 bits. Arithmetic stays f32 inside kernels, matrix
// products accumulate in f32, parameters keep f32 masters.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace omni {

// Stores in bf16 what matmul-like ops read. An f32 input they read directly is replaced by its
// shadow, an input of its own called shadow_name(input), whose name is added to `shadows`.
void narrow(Graph& g, std::set<std::string>& shadows);

// Adds, for every update of a shadowed input, the update of its shadow.
void update_shadows(Graph& g, const std::set<std::string>& shadowed);

std::string shadow_name(const std::string& input);

// A graph whose run makes the shadows anew from their inputs.
void make_shadow_graph(const Graph& like, const std::set<std::string>& shadowed, Graph& out);

}  // namespace omni
