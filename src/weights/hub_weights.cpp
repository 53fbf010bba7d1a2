#include "weights/hub_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "store/files.h"
#include "store/safetensors.h"

namespace omni {
namespace {

constexpr std::string_view kPrefixes[] = {"transformer.", "model."};  // that some files leave out
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";

// A module on the hub and ours, "{}" standing for a layer's number; both have weights and biases.
// Several of ours lie in one of theirs, row after row.
struct Module {
  std::string hub;
  std::vector<std::string> ours;
  bool flipped = false;  // the weight is kept as [in, out]
};

struct Names {
  std::vector<Module> modules;
  std::vector<std::string> buffers;
};

Names names_of(TransformerFamily family) {
  const std::string h = "transformer.h.{}.", b = "blocks.{}.", l = "model.layers.{}.";
  switch (family) {
    case TransformerFamily::gpt2:
      return {{{"transformer.wte", {"embed"}},
               {"transformer.wpe", {"positions"}},
               {h + "ln_1", {b + "ln1"}},
               {h + "attn.c_attn", {b + "attn.q", b + "attn.k", b + "attn.v"}, true},
               {h + "attn.c_proj", {b + "attn.out"}, true},
               {h + "ln_2", {b + "ln2"}},
               {h + "mlp.c_fc", {b + "mlp.in"}, true},
               {h + "mlp.c_proj", {b + "mlp.out"}, true},
               {"transformer.ln_f", {"ln_final"}},
               {"lm_head", {"unembed"}}},
              {h + "attn.bias", h + "attn.masked_bias"}};
    case TransformerFamily::gpt_neo:
      return {{{"transformer.wte", {"embed"}},
               {"transformer.wpe", {"positions"}},
               {h + "ln_1", {b + "ln1"}},
               {h + "attn.attention.q_proj", {b + "attn.q"}},
               {h + "attn.attention.k_proj", {b + "attn.k"}},
               {h + "attn.attention.v_proj", {b + "attn.v"}},
               {h + "attn.attention.out_proj", {b + "attn.out"}},
               {h + "ln_2", {b + "ln2"}},
               {h + "mlp.c_fc", {b + "mlp.in"}},
               {h + "mlp.c_proj", {b + "mlp.out"}},
               {"transformer.ln_f", {"ln_final"}},
               {"lm_head", {"unembed"}}},
              {h + "attn.attention.bias", h + "attn.attention.masked_bias"}};
    case TransformerFamily::qwen2:
      return {{{"model.embed_tokens", {"embed"}},
               {l + "input_layernorm", {b + "ln1"}},
               {l + "self_attn.q_proj", {b + "attn.q"}},
               {l + "self_attn.k_proj", {b + "attn.k"}},
               {l + "self_attn.v_proj", {b + "attn.v"}},
               {l + "self_attn.o_proj", {b + "attn.out"}},
               {l + "post_attention_layernorm", {b + "ln2"}},
               {l + "mlp.gate_proj", {b + "mlp.gate"}},
               {l + "mlp.up_proj", {b + "mlp.in"}},
               {l + "mlp.down_proj", {b + "mlp.out"}},
               {"model.norm", {"ln_final"}},
               {"lm_head", {"unembed"}}},
              {l + "self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"}};
  }
  throw Bug("unknown family of transformers");
}

// A tensor of a file: rows of our parameters one after another, all of it flipped or not.
struct Tensor {
  std::string name;
  std::vector<size_t> specs;
  Shape shape;  // in the file
  bool flipped;
};

std::string of_layer(std::string name, int64_t layer) {
  if (const size_t at = name.find("{}"); at != std::string::npos)
    name.replace(at, 2, fmt::format("{}", layer));
  return name;
}

// What a file of this model holds. Modules without weight or bias in the model give no tensor.
class Layout {
 public:
  Layout(const HubModel& hub, const std::vector<ParameterSpec>& specs)
      : specs_(specs), names_(names_of(hub.family)), layers_(hub.options.layers) {
    for (const Module& m : names_.modules)
      for (int64_t layer = 0; layer < layers_of(m.hub); ++layer)
        for (const char* kind : {".weight", ".bias"}) add(m, layer, kind);
    size_t covered = 0;
    for (const Tensor& t : tensors_) covered += t.specs.size();
    require(covered == specs.size(),
            "of {} parameters {} have names among {}'s: this is another "
            "model than the one described",
            specs.size(), covered, name_of(hub.family));
  }

  const std::vector<Tensor>& tensors() const { return tensors_; }

  std::set<std::string> buffers() const {
    std::set<std::string> all;
    for (const std::string& b : names_.buffers)
      for (int64_t layer = 0; layer < layers_; ++layer) all.insert(of_layer(b, layer));
    return all;
  }

 private:
  int64_t layers_of(const std::string& name) const {
    return name.find("{}") == std::string::npos ? 1 : layers_;
  }

  void add(const Module& m, int64_t layer, const std::string& kind) {
    Tensor t{of_layer(m.hub, layer) + kind, {}, {}, m.flipped && kind == ".weight"};
    std::vector<int64_t> dims;
    for (const std::string& ours : m.ours) {
      const auto found =
          std::ranges::find(specs_, of_layer(ours, layer) + kind, &ParameterSpec::name);
      if (found == specs_.end()) return;
      t.specs.push_back(static_cast<size_t>(found - specs_.begin()));
      if (dims.empty())
        dims = found->shape.dims();
      else
        dims[0] += found->shape[0];
    }
    if (t.flipped) std::swap(dims[0], dims[1]);
    t.shape = Shape(dims);
    tensors_.push_back(std::move(t));
  }

  const std::vector<ParameterSpec>& specs_;
  Names names_;
  int64_t layers_;
  std::vector<Tensor> tensors_;
};

float from_half(uint16_t h) {
  const int exponent = h >> 10 & 31, mantissa = h & 1023;
  const float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent == 0
                         ? std::ldexp(static_cast<float>(mantissa), -24)
                         : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return std::copysign(size, h >> 15 ? -1.0F : 1.0F);
}

float from_bf16(uint16_t h) { return std::bit_cast<float>(uint32_t{h} << 16); }

std::vector<float> floats_of(const safetensors::Array& a, const std::string& where) {
  using enum safetensors::Dtype;
  if (a.dtype == f32) return a.floats();
  require(a.dtype == f16 || a.dtype == bf16, "{} is of type {}, expected F32, F16 or BF16", where,
          safetensors::name_of(a.dtype));
  std::vector<uint16_t> halves(a.bytes.size() / sizeof(uint16_t));
  std::memcpy(halves.data(), a.bytes.data(), a.bytes.size());
  std::vector<float> values(halves.size());
  std::ranges::transform(halves, values.begin(), a.dtype == f16 ? from_half : from_bf16);
  return values;
}

// Copies between a parameter's rows and its place in a tensor whose rows begin with `first`.
// Flipped tensors have a column for each row.
template <class Copy>
void each_number(const Tensor& t, const Shape& shape, int64_t first, const Copy& copy) {
  const int64_t rows = shape[0], columns = shape.count() / rows;
  const int64_t all_rows = t.flipped ? t.shape[1] : t.shape[0];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      copy(r * columns + c, t.flipped ? c * all_rows + first + r : (first + r) * columns + c);
}

// A file's arrays while they are taken, with names as the table has them.
class Source {
 public:
  Source(HubTensors tensors) : tensors_(std::move(tensors)) {}

  std::optional<safetensors::Array> take(const std::string& name) {
    auto it = tensors_.arrays.find(name);
    for (const std::string_view prefix : kPrefixes)
      if (it == tensors_.arrays.end() && name.starts_with(prefix))
        it = tensors_.arrays.find(name.substr(prefix.size()));
    if (it == tensors_.arrays.end()) return std::nullopt;
    safetensors::Array a = std::move(it->second);
    tensors_.arrays.erase(it);
    return a;
  }

  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& [name, array] : tensors_.arrays) names.push_back(name);
    return names;
  }

  const std::string& where() const { return tensors_.where; }

 private:
  HubTensors tensors_;
};

safetensors::Array taken(Source& source, const std::string& name) {
  std::optional<safetensors::Array> array = source.take(name);
  if (array) return std::move(*array);
  const std::vector<std::string> near = nearest(name, source.left(), 1);
  fail_user("{}: has no tensor '{}'{}", source.where(), name,
            near.empty() ? "" : fmt::format("; there is '{}'", near[0]));
}

std::vector<float> numbers_of(const Source& source, const safetensors::Array& array,
                              const std::string& name, const Shape& wanted, bool vocabulary) {
  const Shape found(array.shape);
  require(!vocabulary || found == wanted || found.rank() != 2 || found[1] != wanted[1],
          "{}: '{}' holds a vocabulary of {} tokens, the model has {} by \"vocab_size\" in {}",
          source.where(), name, found.rank() == 2 ? found[0] : 0, wanted[0], kConfigFile);
  require(found == wanted, "{}: '{}' is {}, expected {} by the sizes in {}", source.where(), name,
          found, wanted, kConfigFile);
  return floats_of(array, fmt::format("{}: '{}'", source.where(), name));
}

// Tied embeddings stand in a file under their own name, under the head's, or under both.
std::vector<float> tied_embedding(Source& source, const Tensor& t) {
  std::optional<safetensors::Array> head = source.take(kHead);
  std::optional<safetensors::Array> own = source.take(t.name);
  if (!own && !head) taken(source, t.name);
  if (!own) return numbers_of(source, *head, kHead, t.shape, true);
  std::vector<float> values = numbers_of(source, *own, t.name, t.shape, true);
  if (!head) return values;
  const std::vector<float> repeated = numbers_of(source, *head, kHead, t.shape, true);
  const auto bytes = [](const std::vector<float>& v) { return std::as_bytes(std::span(v)); };
  require(std::ranges::equal(bytes(values), bytes(repeated)),
          "{}: '{}' is not '{}', but \"tie_word_embeddings\" in {} is true, or is so where it is "
          "absent; set it to false if the model has a head of its own",
          source.where(), kHead, t.name, kConfigFile);
  return values;
}

}  // namespace

void load_hub_weights(HubTensors tensors, const HubModel& hub, Ensemble& e, int64_t model) {
  const Layout layout(hub, e.specs());
  Source source(std::move(tensors));
  for (const Tensor& t : layout.tensors()) {
    const std::string& first_of = e.specs()[t.specs[0]].name;
    const bool vocabulary = first_of == "embed.weight" || first_of == "unembed.weight";
    const std::vector<float> values =
        hub.options.tied && first_of == "embed.weight"
            ? tied_embedding(source, t)
            : numbers_of(source, taken(source, t.name), t.name, t.shape, vocabulary);
    int64_t first = 0;
    for (const size_t spec : t.specs) {
      const std::span<float> to = e.array(spec, model);
      const Shape& shape = e.specs()[spec].shape;
      each_number(t, shape, first,
                  [&](int64_t ours, int64_t theirs) { to[ours] = values[theirs]; });
      first += shape[0];
    }
  }
  for (const std::string& buffer : layout.buffers()) source.take(buffer);
  const std::vector<std::string> left = source.left();
  require(left.empty(), "{}: '{}'{} is nothing that a {} of {} layers has, as {} says it is",
          source.where(), left.empty() ? "" : left[0],
          left.size() > 1 ? fmt::format(" (and {} more)", left.size() - 1) : "",
          name_of(hub.family), hub.options.layers, kConfigFile);
}

void save_hub_weights(const std::filesystem::path& file, const HubModel& hub, ModelView model) {
  const Ensemble& e = *model.ensemble;
  const Layout layout(hub, e.specs());
  std::map<std::string, safetensors::View> views;
  std::vector<std::vector<float>> gathered;  // what lies otherwise in memory than in the file
  gathered.reserve(layout.tensors().size());
  for (const Tensor& t : layout.tensors()) {
    std::span<const float> values = e.array(t.specs[0], model.index);
    if (t.flipped || t.specs.size() > 1) {
      std::vector<float>& all = gathered.emplace_back(t.shape.count());
      int64_t first = 0;
      for (const size_t spec : t.specs) {
        const std::span<const float> from = e.array(spec, model.index);
        const Shape& shape = e.specs()[spec].shape;
        each_number(t, shape, first,
                    [&](int64_t ours, int64_t theirs) { all[theirs] = from[ours]; });
        first += shape[0];
      }
      values = all;
    }
    views[t.name] = {safetensors::Dtype::f32, t.shape.dims(), std::as_bytes(values)};
  }
  safetensors::write(file, views, {{"format", "pt"}});  // what PyTorch's loaders ask for
}

std::vector<std::string> hub_model_files(const std::filesystem::path& folder) {
  std::error_code ignored;
  require(std::filesystem::is_directory(folder, ignored), "'{}' is no folder", folder.string());
  require(std::filesystem::exists(folder / kConfigFile, ignored),
          "'{}' has no {}; a model's folder holds {} and weights as on the Hugging Face hub",
          folder.string(), kConfigFile, kConfigFile);
  std::vector<std::string> names = {kConfigFile};
  for (std::string& name : hub_weight_files(folder)) names.push_back(std::move(name));
  return names;
}

HubFolder load_hub_folder(const std::filesystem::path& folder) {
  hub_model_files(folder);  // all there
  HubModel hub = read_hub_config(folder / kConfigFile);
  Ensemble model(transformer_parameters(hub.options), 1);
  load_hub_weights(read_hub_tensors(folder), hub, model, 0);
  return {std::move(hub), std::move(model)};
}

void save_hub_folder(const std::filesystem::path& folder, const HubModel& hub, ModelView model) {
  make_folder(folder);
  write_hub_config(folder / kConfigFile, hub);
  save_hub_weights(folder / kWeightsFile, hub, model);
}

}  // namespace omni
