#include "nn/transformer.h"

#include <cmath>

#include "nn/layers.h"
#include "ops/attention.h"
#include "ops/attention_shape.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/iota.h"
#include "ops/matmul.h"
#include "ops/recompute.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {
namespace {

void check_options(const TransformerOptions& o, const Type& tokens) {
  require(tokens.dtype == DType::i32 && tokens.shape.rank() == 2,
          "transformer: tokens must be i32 [batch, positions], got {}", tokens);
  require(o.vocabulary >= 1 && o.layers >= 1 && o.width >= 1 && o.heads >= 1,
          "transformer: vocabulary, layers, width and heads must be at least 1, got {}, {}, {}, {}",
          o.vocabulary, o.layers, o.width, o.heads);
  require(o.width % o.heads == 0, "transformer: a width of {} does not divide into {} heads",
          o.width, o.heads);
  require(o.kv_heads >= 0 && (o.kv_heads == 0 || o.heads % o.kv_heads == 0),
          "transformer: {} heads cannot share the keys of {}", o.heads, o.kv_heads);
  require(o.positions != Positions::learned || tokens.shape[1] <= o.context,
          "transformer: a sequence of {} tokens is longer than the context of {}", tokens.shape[1],
          o.context);
  require(static_cast<int64_t>(o.extra_neurons.size()) <= o.layers,
          "transformer: extra neurons for {} layers, there are {}", o.extra_neurons.size(),
          o.layers);
}

// What was before the one token of each row.
struct Past {
  Value positions;  // i32 [B]
  PastShape shape;
};

constexpr const char* kKinds[] = {"k", "v"};

// Keys ("k") or values ("v") of what was before, [rows * kv_heads * length, D].
Value past_of(const Net& net, int64_t layer, const char* kind, const PastShape& past,
              const TransformerOptions& o) {
  return input(net.graph(), fmt::format("{}.past/blocks.{}.{}", net.set(), layer, kind),
               {DType::f32, {past.place(past.rows, 0, 0, o), o.width / o.heads}}, Role::parameter);
}

// One block, with its name before all others.
class Block {
 public:
  Block(Net& net, const TransformerOptions& o, int64_t layer, const Past* past)
      : net_(net), o_(o), layer_(layer), past_(past), name_(fmt::format("blocks.{}.", layer)) {}

  Value operator()(Value x) {
    x = hooked("hook_resid_pre", x);
    const Value mixed = attend(normalised("ln1", x));
    x = hooked("hook_resid_mid", x + hooked("hook_attn_out", mixed));
    const Value thought = think(normalised("ln2", x));
    return hooked("hook_resid_post", x + hooked("hook_mlp_out", thought));
  }

 private:
  Value hooked(const std::string& name, Value v) { return net_.activation(name_ + name, v); }

  Value normalised(const std::string& name, Value x) {
    const Value y = o_.norm == NormKind::layer ? layer_norm(net_, name_ + name, x, o_.norm_eps)
                                               : rms_norm(net_, name_ + name, x, o_.norm_eps);
    return hooked(name + ".hook_normalized", y);
  }

  Value map(const std::string& name, Value x, int64_t out, bool bias, bool to_residual = false) {
    LinearOptions l{.weight = o_.weight, .bias = init::zeros(), .with_bias = bias};
    if (to_residual && o_.scaled_residual)
      l.weight.scale /= std::sqrt(2.0 * static_cast<double>(o_.layers));
    return linear(net_, name_ + name, x, out, l);
  }

  Value attend(Value x) {
    const int64_t kv_heads = o_.kv_heads > 0 ? o_.kv_heads : o_.heads;
    const int64_t kv_width = o_.width / o_.heads * kv_heads;
    Value q = map("attn.q", x, o_.width, o_.qkv_bias), k = map("attn.k", x, kv_width, o_.qkv_bias);
    const Value v = hooked("attn.hook_v", map("attn.v", x, kv_width, o_.qkv_bias));
    if (o_.positions == Positions::rotary) {
      q = turned(q, o_.heads);
      k = turned(k, kv_heads);
    }
    q = hooked("attn.hook_q", q);
    k = hooked("attn.hook_k", k);
    const AttentionOptions a{.heads = o_.heads,
                             .kv_heads = kv_heads,
                             .scale = o_.attention_scale,
                             .window = layer_ % 2 == 1 ? o_.local_window : 0};
    const Value z = past_ ? recall(q, k, v, a) : look_back(q, k, v, a);
    return map("attn.out", hooked("attn.hook_z", z), o_.width, o_.attention_bias, true);
  }

  Value look_back(Value q, Value k, Value v, const AttentionOptions& a) {
    if (!net_.has_hook(name_ + kPattern)) return attention(q, k, v, a);
    return attention_mix(hooked(kPattern, attention_pattern(q, k, a)), v, a);
  }

  // One query of each row and head over the past and itself. Of one query, what lies in order of
  // heads is [B, kv_heads, shared heads, D] as it is.
  Value recall(Value q, Value k, Value v, const AttentionOptions& a) {
    Graph& g = net_.graph();
    const int64_t rows = q.dim(0), shared = a.heads / a.kv_heads, width = o_.width / o_.heads;
    const int64_t length = past_->shape.length;
    const double scale = a.scale > 0 ? a.scale : 1 / std::sqrt(static_cast<double>(width));
    const auto by_group = [&](Value x, int64_t each) {
      return reshape(x, {rows, a.kv_heads, each, width});
    };
    q = by_group(q, shared);
    k = by_group(k, 1);
    v = by_group(v, 1);
    const auto kept = [&](const char* kind) {
      return reshape(past_of(net_, layer_, kind, past_->shape, o_),
                     {rows, a.kv_heads, length, width});
    };
    const Value now = reshape(convert(past_->positions, DType::f32), {rows, 1, 1, 1});
    const Value ago = now - iota(g, {length}, 0);
    const Value unseen = constant(g, -kMasked);
    Value before = where(greater(ago, 0), matmul(q, kept("k"), false, true) * scale, unseen);
    if (a.window > 0) before = where(less(ago, static_cast<double>(a.window)), before, unseen);
    const Value own = reduce_sum(q * k, {3}, true) * scale;
    const Value weights = softmax(concat({before, own}, 3));
    const Value pattern = reshape(
        hooked(kPattern, reshape(weights, {rows, a.heads, 1, length + 1})), weights.shape());
    const Value mixed =
        matmul(slice(pattern, 3, 0, length), kept("v")) + slice(pattern, 3, length, length + 1) * v;
    return reshape(mixed, {rows, 1, o_.width});
  }

  Value turned(Value x, int64_t heads) const {
    return rotary(x,
                  {.heads = heads,
                   .base = o_.rotary_base,
                   .share = o_.rotary_share,
                   .pairs = o_.rotary_pairs},
                  past_ ? std::optional(past_->positions) : std::nullopt);
  }

  Value think(Value x) {
    const int64_t neurons = o_.mlp_width_of(layer_);
    const Value pre = hooked("mlp.hook_pre", map("mlp.in", x, neurons, o_.mlp_bias));
    Value post;
    switch (o_.mlp) {
      case MlpKind::gelu:
        post = gelu(pre);
        break;
      case MlpKind::gelu_tanh:
        post = gelu_tanh(pre);
        break;
      case MlpKind::gated_silu:
        post = silu(map("mlp.gate", x, neurons, o_.mlp_bias)) * pre;
        break;
    }
    return map("mlp.out", hooked("mlp.hook_post", post), o_.width, o_.mlp_bias, true);
  }

  static constexpr const char* kPattern = "attn.hook_pattern";

  Net& net_;
  const TransformerOptions& o_;
  int64_t layer_;
  const Past* past_;  // null: all positions at once
  std::string name_;
};

// [B, T, vocabulary], or [B, ending, vocabulary], or [B, vocabulary] of one token each.
Value logits_of(Net& net, Value tokens, const TransformerOptions& o, const Past* past,
                int64_t ending = 0) {
  Value x = embedding(net, "embed", tokens, o.vocabulary, o.width, o.weight);
  x = net.activation("hook_embed", x);
  if (o.positions == Positions::learned) {
    const Value all = net.parameter("positions.weight", {o.context, o.width}, o.weight);
    const Value mine = past ? embedding(all, reshape(past->positions, tokens.shape()))
                            : slice(all, 0, 0, tokens.dim(1));
    x = x + net.activation("hook_pos_embed", mine);
  }
  for (int64_t i = 0; i < o.layers; ++i) {
    const Value y = Block(net, o, i, past)(x);
    x = o.recompute ? recompute(y, x) : y;
  }
  x = o.norm == NormKind::layer ? layer_norm(net, "ln_final", x, o.norm_eps)
                                : rms_norm(net, "ln_final", x, o.norm_eps);
  x = net.activation("ln_final.hook_normalized", x);
  if (past) x = reshape(x, {tokens.dim(0), o.width});
  if (ending > 0) x = slice(x, 1, tokens.dim(1) - ending, tokens.dim(1));
  const Value unembed =
      net.parameter(o.tied ? "embed.weight" : "unembed.weight", {o.vocabulary, o.width}, o.weight);
  return net.activation("logits", matmul(x, unembed, false, true));
}

}  // namespace

int64_t TransformerOptions::mlp_width_of(int64_t layer) const {
  const int64_t usual = mlp_width > 0 ? mlp_width : 4 * width;
  return usual + (layer < static_cast<int64_t>(extra_neurons.size()) ? extra_neurons[layer] : 0);
}

Value transformer(Net& net, Value tokens, const TransformerOptions& o, int64_t ending) {
  check_options(o, tokens.type());
  require(0 <= ending && ending <= tokens.dim(1),
          "transformer: logits of the last {} of {} positions", ending, tokens.dim(1));
  return logits_of(net, tokens, o, nullptr, ending);
}

std::vector<ParameterSpec> transformer_parameters(const TransformerOptions& o) {
  Graph g;
  Net net(g, "model");
  transformer(net, input(g, "tokens", {DType::i32, {1, 1}, 0}, Role::data), o);
  return net.parameters();
}

Value transformer_step(Net& net, Value tokens, Value positions, int64_t length,
                       const TransformerOptions& o) {
  const Type& t = tokens.type();
  require(t.dtype == DType::i32 && t.shape.rank() == 1 && positions.type() == t,
          "transformer_step: tokens and positions must be i32 [batch] both, got {} and {}", t,
          positions.type());
  require(length >= 1 && (o.positions != Positions::learned || length <= o.context),
          "transformer_step: {} positions cannot be kept, the context is {}", length, o.context);
  tokens = reshape(tokens, {t.shape[0], 1});
  check_options(o, tokens.type());
  const Past past{positions, {t.shape[0], length}};
  return logits_of(net, tokens, o, &past);
}

void remember(Net& net, Value places, const PastShape& past, const TransformerOptions& o) {
  for (int64_t layer = 0; layer < o.layers; ++layer)
    for (const char* kind : kKinds) {
      const Value before = past_of(net, layer, kind, past, o);
      const Value now = net.value(fmt::format("blocks.{}.attn.hook_{}", layer, kind));
      net.graph().update(before, put_rows(before, reshape(now, {-1, before.dim(1)}), places));
    }
}

void copy_past(Net& net, Value from, Value to, const PastShape& past, const TransformerOptions& o) {
  for (int64_t layer = 0; layer < o.layers; ++layer)
    for (const char* kind : kKinds) {
      const Value before = past_of(net, layer, kind, past, o);
      net.graph().update(before, put_rows(before, gather(before, from), to));
    }
}

Value next_token_loss(Value logits, Value targets, Value weights) {
  const Value losses = softmax_cross_entropy(logits, targets);
  return sum(losses * weights) / maximum(sum(weights), constant(*logits.graph, 1));
}

}  // namespace omni
