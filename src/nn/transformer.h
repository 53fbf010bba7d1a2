// Decoder-only transformers: what GPT-2, GPT-Neo, Llama and Qwen2 have in common and what tells them
// apart, as options. Normalisation stands before each branch (pre-norm).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/init.h"
#include "nn/net.h"
#include "ops/rotary.h"

namespace omni {

enum class Positions { learned, rotary };
enum class NormKind { layer, rms };
enum class MlpKind { gelu, gelu_tanh, gated_silu };

struct TransformerOptions {
  int64_t vocabulary = 0, context = 0;  // context: the longest sequence with learned positions
  int64_t layers = 0, width = 0, heads = 0;
  int64_t kv_heads = 0;                 // keys and values shared by heads / kv_heads; 0: heads
  int64_t mlp_width = 0;                // 0: 4 * width
  // More neurons of some layers, behind the others: layer i has mlp_width + extra_neurons[i]; a
  // shorter list means none for the rest.
  std::vector<int64_t> extra_neurons = {};

  Positions positions = Positions::learned;
  double rotary_base = 10'000, rotary_share = 1;
  RotaryPairs rotary_pairs = RotaryPairs::halves;
  NormKind norm = NormKind::layer;
  double norm_eps = 1e-5;
  MlpKind mlp = MlpKind::gelu_tanh;
  double attention_scale = 0;           // 0: 1 / sqrt(width of a head)
  int64_t local_window = 0;             // of every second layer, from layer 1 (GPT-Neo); 0: none
  bool qkv_bias = true, attention_bias = true, mlp_bias = true;  // attention: of its output
  bool tied = false;                    // the unembedding is the embedding

  // Biases start at 0, norms at 1; all weights from `weight`, embeddings too, but for what is named.
  Init weight = init::normal(0, 0.02);  // Radford et al. 2019
  bool scaled_residual = false;  // outputs of branches start 1 / sqrt(2 * layers) as large (GPT-2)

  // Of each block only the input is kept for the backward pass, which computes the rest of it again
  // (ops/recompute.h): a forward pass more, less memory, the same bits.
  bool recompute = false;

  int64_t mlp_width_of(int64_t layer) const;
};

// tokens i32 [B, T] give logits [B, T, vocabulary]; positions are 0..T-1. An id outside the
// vocabulary gives a row of zeros as its embedding.
//
// Parameters: "embed.weight" [vocabulary, width], "positions.weight" [context, width],
// "blocks.0.ln1.weight", "blocks.0.attn.q.weight" (k, v, out), "blocks.0.ln2.weight",
// "blocks.0.mlp.in.weight" (gate, out), "ln_final.weight", "unembed.weight", and biases.
// Activations have TransformerLens' names: "hook_embed", "hook_pos_embed",
// "blocks.0.hook_resid_pre", "blocks.0.ln1.hook_normalized", "blocks.0.attn.hook_q" (k, v, z),
// "blocks.0.attn.hook_pattern" [B, heads, T, T], "blocks.0.hook_attn_out",
// "blocks.0.hook_resid_mid", "blocks.0.mlp.hook_pre", "blocks.0.mlp.hook_post",
// "blocks.0.hook_mlp_out", "blocks.0.hook_resid_post", "ln_final.hook_normalized", "logits". Heads
// lie side by side: hook_q is [B, T, heads * D]. The pattern is there when it has a hook, and costs
// its memory; bits are the same with and without.
//
// With `ending`, logits of the last so many positions alone: the unembedding is the widest layer.
//
// UserError for lengths that do not fit together.
Value transformer(Net& net, Value tokens, const TransformerOptions& options, int64_t ending = 0);

// What transformer() reads, in its order: for weights that come from elsewhere.
std::vector<ParameterSpec> transformer_parameters(const TransformerOptions& options);

// One more token of each row, where the keys and values of those before it are kept: tokens i32 [B]
// at positions i32 [B] give logits [B, vocabulary], up to rounding those of transformer() at the
// end of the whole row. Rows may stand at different positions.
//
// What is kept is the set "model.past" of set "model": "blocks.0.k" and "blocks.0.v", f32
// [B * kv_heads * length, D], rows by head and position, keys already turned to it. Only what lies
// before a row's own position is seen, but all of it must be finite. What this token is to be
// remembered by is added by remember(). Of "attn.hook_pattern", [B, heads, 1, length + 1], the last
// weight is the token's own.
Value transformer_step(Net& net, Value tokens, Value positions, int64_t length,
                       const TransformerOptions& options);

// Where a past of so many rows and positions keeps things.
struct PastShape {
  int64_t rows = 0, length = 0;
  // Of what the head remembers of the row's token at this position.
  int64_t place(int64_t row, int64_t head, int64_t position, const TransformerOptions& o) const {
    return (row * (o.kv_heads > 0 ? o.kv_heads : o.heads) + head) * length + position;
  }
};

// Updates of the past by the keys and values of all tokens that the model was emitted for on `net`,
// by transformer() or transformer_step(): `places` i32 [tokens * kv_heads] is where each head's go,
// of one token after the other; those outside of the past are not kept.
void remember(Net& net, Value places, const PastShape& past, const TransformerOptions& options);

// Updates of the past by itself: what lies at places `from` goes to places `to` as well.
void copy_past(Net& net, Value from, Value to, const PastShape& past,
               const TransformerOptions& options);

// The mean cross-entropy of predicting targets [B, T] over positions with weight 1: the sum of
// weights * loss by the sum of weights [B, T] (at least 1).
Value next_token_loss(Value logits, Value targets, Value weights);

}  // namespace omni
