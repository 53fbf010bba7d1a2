#include "nn/transformer_presets.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace omni {
namespace {

struct Preset {
  std::string name;
  TransformerFamily family;
  int64_t layers, width, heads, mlp_width, context;
  int64_t vocabulary;  // 0: the caller's
  bool tied;
};

constexpr int64_t kGpt2Vocabulary = 50'257;

const std::vector<Preset>& presets() {
  using enum TransformerFamily;
  static const std::vector<Preset> all = {
      {"XS", gpt2, 2, 32, 2, 128, 128, 0, false},
      {"S", gpt2, 4, 96, 4, 384, 128, 0, false},
      {"M", gpt2, 4, 128, 4, 512, 128, 0, true},
      {"L", gpt2, 6, 192, 6, 768, 128, 0, true},
      {"tinystories-8m", gpt_neo, 8, 256, 16, 1024, 2048, kGpt2Vocabulary, true},
      {"tinystories-28m", gpt_neo, 8, 512, 16, 2048, 2048, kGpt2Vocabulary, true},
      {"gpt2", gpt2, 12, 768, 12, 3072, 1024, kGpt2Vocabulary, true},
      {"qwen2-0.5b", qwen2, 24, 896, 14, 4864, 131'072, 151'936, true},
  };
  return all;
}

}  // namespace

TransformerOptions family_options(TransformerFamily family) {
  TransformerOptions o;
  switch (family) {
    case TransformerFamily::gpt2:
      o.tied = true;
      return o;
    case TransformerFamily::gpt_neo:
      o.tied = true;
      o.attention_scale = 1;
      o.local_window = 256;
      o.qkv_bias = false;
      return o;
    case TransformerFamily::qwen2:
      o.positions = Positions::rotary;
      o.norm = NormKind::rms;
      o.norm_eps = 1e-6;
      o.mlp = MlpKind::gated_silu;
      o.attention_bias = o.mlp_bias = false;
      return o;
  }
  throw Bug("unknown family of transformers");
}

std::span<const std::string> transformer_presets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> n;
    for (const Preset& p : presets()) n.push_back(p.name);
    return n;
  }();
  return names;
}

TransformerOptions transformer_preset(std::string_view name, int64_t vocabulary) {
  const auto found = std::ranges::find(presets(), name, &Preset::name);
  require(found != presets().end(), "there is no transformer '{}'{}", name,
          suggest(name, transformer_presets()));
  const Preset& p = *found;
  require(vocabulary > 0 || (vocabulary == 0 && p.vocabulary > 0),
          "transformer '{}': the size of its vocabulary must be given, at least 1; got {}", name,
          vocabulary);
  TransformerOptions o = family_options(p.family);
  o.vocabulary = vocabulary > 0 ? vocabulary : p.vocabulary;
  o.context = p.context;
  o.layers = p.layers;
  o.width = p.width;
  o.heads = p.heads;
  o.mlp_width = p.mlp_width;
  o.tied = p.tied;
  o.scaled_residual = p.name == "gpt2";
  if (p.family == TransformerFamily::qwen2) {
    o.kv_heads = 2;
    o.rotary_base = 1e6;
  }
  return o;
}

}  // namespace omni
