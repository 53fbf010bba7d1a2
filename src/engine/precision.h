// bf16 precision: which values are rounded to bf16, and how they are kept. Arithmetic stays f32
// inside kernels, matrix products accumulate in f32, parameters keep f32 masters.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace omni {

enum class Precision { f32, bf16 };
inline const char* name_of(Precision p) { return p == Precision::bf16 ? "bf16" : "f32"; }

// Rounds to bf16 what matmul-like ops read. Values are stored with 16 bits where `storage` is bf16;
// where it is f32 they stay f32 words, and products of them are those of f32. An f32 input that
// matmul-like ops read directly is replaced by its shadow, an input of its own called
// shadow_name(input), whose name is added to `shadows`.
void round_what_products_read(Graph& g, DType storage, std::set<std::string>& shadows);

// Adds, for every update of a shadowed input, the update of its shadow.
void update_shadows(Graph& g, DType storage, const std::set<std::string>& shadowed);

std::string shadow_name(const std::string& input);

// A graph whose run makes the shadows anew from their inputs.
void make_shadow_graph(const Graph& like, DType storage, const std::set<std::string>& shadowed,
                       Graph& out);

}  // namespace omni
