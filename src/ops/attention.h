// Scaled dot-product attention over the positions of each sample (Vaswani et al. 2017,
// arXiv:1706.03762) without ever keeping the scores: the backward pass computes them again (as in
// Dao et al. 2022, arXiv:2205.14135), so that memory grows with the length, not with its square.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef attention, attention_grad, attention_pattern, attention_mix;
}

struct AttentionOptions {
  int64_t heads = 1;
  int64_t kv_heads = 0;  // keys and values are shared by heads / kv_heads heads; 0: as many as heads
  double scale = 0;      // of the scores; 0: 1 / sqrt(width of a head)
  bool causal = true;    // position i sees i + (S - T) and what is before
  int64_t window = 0;    // and of that only the last so many positions; 0: all
};

// q [B, T, heads * D], k and v [B, S, kv_heads * D] give [B, T, heads * D]: head h is columns
// h * D .. h * D + D - 1. Rows of the batch do not meet. Causal attention needs S >= T; gradients
// need S == T.
Value attention(Value q, Value k, Value v, const AttentionOptions& options);

// The two halves of the same for those who want to see or change the pattern between them, to the
// same bits where v is finite: the weights [B, heads, T, S], whose rows add up to 1, and their
// mixture of the values.
Value attention_pattern(Value q, Value k, const AttentionOptions& options);
Value attention_mix(Value pattern, Value v, const AttentionOptions& options);

// The same with elementary ops.
Value attention_composed(Value q, Value k, Value v, const AttentionOptions& options);

}  // namespace omni
