// Rotary position embeddings.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef rotary;
}

// How the two numbers of a pair are laid out that a rotary embedding turns.
enum class RotaryPairs {
  halves,    // i and i + D/2 (GPT-NeoX, Llama, Qwen)
  adjacent,  // 2 i and 2 i + 1 (RoFormer, GPT-J)
};

struct RotaryOptions {
  int64_t heads = 1;
  double base = 10'000;
  double share = 1;   // of each head's width that is turned; the rest is left as it is
  int64_t first = 0;  // position of the first row
  RotaryPairs pairs = RotaryPairs::halves;
};

// Rotary positions (Su et al. 2021, arXiv:2104.09864): x [B, T, heads * D], pair i of each head of
// position t is turned by the angle (first + t) * base^(-2 i / turned width). Samples that begin at
// positions of their own, known at run time, give them as `later` i32 [B]: they are added to t.
Value rotary(Value x, const RotaryOptions& options, std::optional<Value> later = {});

}  // namespace omni
