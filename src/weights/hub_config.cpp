#include "weights/hub_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"
#include "store/files.h"

namespace omni {
namespace {

using nlohmann::json;
using enum TransformerFamily;

// What no model comes near: a file cannot ask for a graph that never ends.
constexpr int64_t kMaxLayers = 10'000, kMaxSize = int64_t{1} << 24;

// Members of a config by name; null counts as absent, as it does there.
class Config {
 public:
  Config(json members, std::string where) : members_(std::move(members)), where_(std::move(where)) {
    require(members_.is_object(), "{}: expected a JSON object", where_);
  }

  const std::string& where() const { return where_; }

  const json* find(const char* name) const {
    const auto it = members_.find(name);
    return it == members_.end() || it->is_null() ? nullptr : &*it;
  }

  int64_t size(const char* name, std::optional<int64_t> otherwise = {},
               int64_t most = kMaxSize) const {
    const json* v = find(name);
    if (!v && otherwise) return *otherwise;
    require(v != nullptr, "{}: has no \"{}\"", where_, name);
    require(v->is_number_unsigned() && *v >= 1 && *v <= most,
            "{}: \"{}\" is {}, expected a whole number from 1 to {}", where_, name, v->dump(),
            most);
    return *v;
  }

  int64_t layers(const char* name) const { return size(name, {}, kMaxLayers); }

  double number(const char* name, double otherwise) const {
    const json* v = find(name);
    if (!v) return otherwise;
    require(v->is_number() && *v > 0.0, "{}: \"{}\" is {}, expected a number above 0", where_, name,
            v->dump());
    return *v;
  }

  bool flag(const char* name, bool otherwise) const {
    const json* v = find(name);
    if (!v) return otherwise;
    require(v->is_boolean(), "{}: \"{}\" is {}, expected true or false", where_, name, v->dump());
    return *v;
  }

  std::string text(const char* name, const std::string& otherwise) const {
    const json* v = find(name);
    if (!v) return otherwise;
    require(v->is_string(), "{}: \"{}\" is {}, expected a text", where_, name, v->dump());
    return *v;
  }

  void refuse(const char* name, bool present) const {
    require(!present, "{}: \"{}\" is {}, which is not supported", where_, name,
            find(name) ? find(name)->dump() : "");
  }

 private:
  json members_;
  std::string where_;
};

MlpKind gelu_of(const Config& c) {
  const std::string name = c.text("activation_function", "gelu_new");
  if (name == "gelu") return MlpKind::gelu;
  require(name == "gelu_new" || name == "gelu_pytorch_tanh",
          "{}: \"activation_function\" is \"{}\", expected \"gelu_new\", \"gelu_pytorch_tanh\" or "
          "\"gelu\"",
          c.where(), name);
  return MlpKind::gelu_tanh;
}

void read_gpt2(const Config& c, TransformerOptions& o) {
  o.context = c.size("n_positions");
  o.width = c.size("n_embd");
  o.layers = c.layers("n_layer");
  o.heads = c.size("n_head");
  o.mlp_width = c.size("n_inner", 4 * o.width);
  o.mlp = gelu_of(c);
  o.norm_eps = c.number("layer_norm_epsilon", 1e-5);
  if (!c.flag("scale_attn_weights", true)) o.attention_scale = 1;
  c.refuse("scale_attn_by_inverse_layer_idx", c.flag("scale_attn_by_inverse_layer_idx", false));
  c.refuse("add_cross_attention", c.flag("add_cross_attention", false));
}

// [[["global", "local"], 4]]: global and local layers in turn, four times. Nothing where the file
// does not say.
std::optional<std::vector<std::string>> kinds_of_layers(const Config& c) {
  std::vector<std::string> kinds;
  try {
    if (const json* layers = c.find("attention_layers"))
      return layers->get<std::vector<std::string>>();
    const json* types = c.find("attention_types");
    if (!types) return std::nullopt;
    for (const json& group : *types)
      for (int64_t i = 0, times = group.at(1).get<int64_t>(); i < std::min(times, kMaxLayers); ++i)
        for (const json& kind : group.at(0))
          if (static_cast<int64_t>(kinds.size()) <= kMaxLayers) kinds.push_back(kind);
  } catch (const json::exception&) {
    fail_user("{}: \"attention_types\" is malformed; expected [[[\"global\", \"local\"], 4]]",
              c.where());
  }
  return kinds;
}

void read_gpt_neo(const Config& c, TransformerOptions& o) {
  o.context = c.size("max_position_embeddings");
  o.width = c.size("hidden_size");
  o.layers = c.layers("num_layers");
  o.heads = c.size("num_heads");
  o.mlp_width = c.size("intermediate_size", 4 * o.width);
  o.mlp = gelu_of(c);
  o.norm_eps = c.number("layer_norm_epsilon", 1e-5);
  o.local_window = c.size("window_size", 256);
  const auto kinds = kinds_of_layers(c);
  if (!kinds) return;
  require(static_cast<int64_t>(kinds->size()) == o.layers,
          "{}: kinds of attention for {} layers, there are {}", c.where(), kinds->size(), o.layers);
  if (std::ranges::count(*kinds, "global") == o.layers) {
    o.local_window = 0;
    return;
  }
  for (size_t i = 0; i < kinds->size(); ++i)
    require((*kinds)[i] == (i % 2 == 1 ? "local" : "global"),
            "{}: layer {} has {} attention; supported are global and local layers in turn, or "
            "global ones",
            c.where(), i, (*kinds)[i]);
}

// "rope_scaling", and "rope_parameters", where newer files have the base, too.
void read_rope(const Config& c, TransformerOptions& o) {
  o.rotary_base = c.number("rope_theta", 10'000);
  c.refuse("partial_rotary_factor", c.number("partial_rotary_factor", 1) != 1);
  std::optional<double> base;
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const json* rope = c.find(name);
    if (!rope) continue;
    const Config r(*rope, fmt::format("{}: \"{}\"", c.where(), name));
    for (const char* type : {"type", "rope_type"})
      require(r.text(type, "default") == "default",
              "{}: \"{}\" is \"{}\", which is not supported; known is \"default\"", r.where(), type,
              r.text(type, ""));
    r.refuse("partial_rotary_factor", r.number("partial_rotary_factor", 1) != 1);
    if (!r.find("rope_theta")) continue;
    const double here = r.number("rope_theta", 0);
    require(!base || *base == here,
            "{}: \"rope_theta\" is {} in \"rope_scaling\" and {} in \"rope_parameters\"", c.where(),
            base.value_or(0), here);
    base = here;
  }
  o.rotary_base = base.value_or(o.rotary_base);
}

void read_layer_types(const Config& c, int64_t layers) {
  const json* types = c.find("layer_types");
  if (!types) return;
  require(types->is_array() && std::ssize(*types) == layers,
          "{}: \"layer_types\" is {}, expected a kind of attention for each of {} layers",
          c.where(), types->dump(), layers);
  for (size_t i = 0; i < types->size(); ++i)
    require((*types)[i] == "full_attention",
            "{}: layer {} has {} attention by \"layer_types\"; supported is \"full_attention\"",
            c.where(), i, (*types)[i].dump());
}

void read_qwen2(const Config& c, TransformerOptions& o) {
  o.context = c.size("max_position_embeddings", 32'768);
  o.width = c.size("hidden_size");
  o.layers = c.layers("num_hidden_layers");
  o.heads = c.size("num_attention_heads");
  o.kv_heads = c.size("num_key_value_heads", o.heads);
  o.mlp_width = c.size("intermediate_size");
  o.norm_eps = c.number("rms_norm_eps", 1e-6);
  const std::string act = c.text("hidden_act", "silu");
  require(act == "silu", "{}: \"hidden_act\" is \"{}\", expected \"silu\"", c.where(), act);
  c.refuse("use_sliding_window", c.flag("use_sliding_window", false));
  read_layer_types(c, o.layers);
  read_rope(c, o);
}

// Of a family, or not: the first thing that no config.json of it could say.
void require_family(const HubModel& m) {
  const TransformerOptions &o = m.options, f = family_options(m.family);
  const auto same = [&](bool ok, const char* what) {
    require(ok, "a model cannot be written as {}: its {} differ from that family's",
            name_of(m.family), what);
  };
  same(o.positions == f.positions, "positions");
  same(o.positions == Positions::learned ||
           (o.rotary_share == f.rotary_share && o.rotary_pairs == f.rotary_pairs),
       "rotary positions");
  same(o.norm == f.norm, "norms");
  same((o.mlp == MlpKind::gated_silu) == (f.mlp == MlpKind::gated_silu), "MLPs");
  same(o.qkv_bias == f.qkv_bias && o.attention_bias == f.attention_bias && o.mlp_bias == f.mlp_bias,
       "biases");
  same(o.attention_scale == f.attention_scale || (m.family == gpt2 && o.attention_scale == 1),
       "scales of attention");
  same(o.local_window == 0 || m.family == gpt_neo, "local windows");
  same(o.kv_heads == 0 || o.kv_heads == o.heads || m.family == qwen2, "shared keys");
  require(std::ranges::all_of(o.extra_neurons, [](int64_t n) { return n == 0; }),
          "a model with extra neurons of some layers cannot be written as {}: all layers of that "
          "family are alike; take the neurons off first",
          name_of(m.family));
}

json gpt2_config(const TransformerOptions& o) {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"n_positions", o.context},
          {"n_embd", o.width},
          {"n_layer", o.layers},
          {"n_head", o.heads},
          {"n_inner", o.mlp_width_of(0)},
          {"activation_function", o.mlp == MlpKind::gelu ? "gelu" : "gelu_new"},
          {"layer_norm_epsilon", o.norm_eps},
          {"scale_attn_weights", o.attention_scale == 0}};
}

json gpt_neo_config(const TransformerOptions& o) {
  json types = json::array();
  const auto add = [&](json kinds, int64_t times) {
    if (times > 0) types.push_back(json::array({std::move(kinds), times}));
  };
  if (o.local_window > 0) {
    add({"global", "local"}, o.layers / 2);
    add(json::array({"global"}), o.layers % 2);
  } else {
    add(json::array({"global"}), o.layers);
  }
  return {{"architectures", {"GPTNeoForCausalLM"}},
          {"max_position_embeddings", o.context},
          {"hidden_size", o.width},
          {"num_layers", o.layers},
          {"num_heads", o.heads},
          {"intermediate_size", o.mlp_width_of(0)},
          {"window_size", o.local_window > 0 ? o.local_window : 256},
          {"attention_types", types},
          {"activation_function", o.mlp == MlpKind::gelu ? "gelu" : "gelu_new"},
          {"layer_norm_epsilon", o.norm_eps}};
}

json qwen2_config(const TransformerOptions& o) {
  return {{"architectures", {"Qwen2ForCausalLM"}},
          {"max_position_embeddings", o.context},
          {"hidden_size", o.width},
          {"num_hidden_layers", o.layers},
          {"num_attention_heads", o.heads},
          {"num_key_value_heads", o.kv_heads > 0 ? o.kv_heads : o.heads},
          {"intermediate_size", o.mlp_width_of(0)},
          {"hidden_act", "silu"},
          {"rms_norm_eps", o.norm_eps},
          {"rope_theta", o.rotary_base}};
}

struct FamilyConfig {
  TransformerFamily family;
  std::string name;
  void (*read)(const Config&, TransformerOptions&);
  json (*write)(const TransformerOptions&);
  bool tied;  // where the file does not say
};

const std::vector<FamilyConfig>& families() {
  static const std::vector<FamilyConfig> all = {
      {gpt2, "gpt2", read_gpt2, gpt2_config, true},
      {gpt_neo, "gpt_neo", read_gpt_neo, gpt_neo_config, true},
      {qwen2, "qwen2", read_qwen2, qwen2_config, false}};
  return all;
}

const FamilyConfig& config_of(TransformerFamily family) {
  return *std::ranges::find(families(), family, &FamilyConfig::family);
}

json parsed(const std::filesystem::path& file) {
  const std::string where = file.string();
  try {
    return parse_json(read_file(file), where);
  } catch (const json::parse_error& e) {
    fail_user("{}: is no JSON: {}", where, e.what());
  }
}

}  // namespace

std::string_view name_of(TransformerFamily family) { return config_of(family).name; }

HubModel read_hub_config(const std::filesystem::path& file) {
  const Config c(parsed(file), file.string());
  const std::string type = c.text("model_type", "");
  const auto found = std::ranges::find(families(), type, &FamilyConfig::name);
  if (found == families().end()) {
    std::vector<std::string> names;
    for (const FamilyConfig& f : families()) names.push_back(f.name);
    fail_user("{}: \"model_type\" is \"{}\"{}", c.where(), type, suggest(type, names));
  }
  HubModel m{found->family, family_options(found->family)};
  TransformerOptions& o = m.options;
  o.vocabulary = c.size("vocab_size");
  o.weight = init::normal(0, c.number("initializer_range", 0.02));
  o.tied = c.flag("tie_word_embeddings", found->tied);
  for (const char* name : {"quantization_config", "auto_map"})  // other weights, code of its own
    c.refuse(name, c.find(name) != nullptr);
  found->read(c, o);
  require(o.width % o.heads == 0, "{}: a width of {} does not divide into {} heads", c.where(),
          o.width, o.heads);
  require(c.size("head_dim", o.width / o.heads) == o.width / o.heads,
          "{}: \"head_dim\" must be {}, the width by the heads", c.where(), o.width / o.heads);
  return m;
}

void write_hub_config(const std::filesystem::path& file, const HubModel& m) {
  require_family(m);
  const FamilyConfig& family = config_of(m.family);
  json j = family.write(m.options);
  j["model_type"] = family.name;
  j["vocab_size"] = m.options.vocabulary;
  j["tie_word_embeddings"] = m.options.tied;
  atomic_write(file, j.dump(2) + "\n");
}

}  // namespace omni
