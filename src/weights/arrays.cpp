#include "weights/arrays.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <sstream>

#include "base/error.h"
#include "store/safetensors.h"

namespace omni {
namespace {

constexpr const char* kModelsKey = "models";
constexpr const char* kOrderKey = "order";  // names in the order of specs(), one per line
constexpr const char* kHashKey = "weights_hash";  // of each model

// The file's arrays in the order that was saved with them; without one, by name.
std::vector<std::string> names_in_order(const safetensors::File& file) {
  std::vector<std::string> names;
  if (const auto stated = file.metadata.find(kOrderKey); stated != file.metadata.end()) {
    std::istringstream lines(stated->second);
    for (std::string name; std::getline(lines, name);)
      if (file.arrays.contains(name)) names.push_back(name);
  }
  if (names.size() == file.arrays.size()) return names;
  names.clear();
  for (const auto& [name, array] : file.arrays) names.push_back(name);
  return names;
}

bool is_empty(const ParameterSpec& spec) { return spec.shape.count() == 0; }

// Empty arrays bear out any number of models that a file states: no walk over models for them.
std::string hashes_of(const Ensemble& e) {
  std::string text;
  if (std::ranges::all_of(e.specs(), is_empty)) return text;
  for (int64_t m = 0; m < e.models(); ++m)
    text += fmt::format("{}{:016x}", m > 0 ? " " : "", weights_hash(e[m]));
  return text;
}

}  // namespace

void save_ensemble(const std::filesystem::path& path, const Ensemble& e,
                   std::map<std::string, std::string> metadata) {
  metadata[kModelsKey] = fmt::format("{}", e.models());
  metadata[kHashKey] = hashes_of(e);
  std::string& order = metadata[kOrderKey] = "";
  for (const ParameterSpec& spec : e.specs()) order += (order.empty() ? "" : "\n") + spec.name;
  std::map<std::string, safetensors::View> views;
  std::vector<std::vector<float>> gathered;  // arrays of several models are padded apart in memory
  gathered.reserve(e.specs().size());
  for (size_t i = 0; i < e.specs().size(); ++i) {
    std::vector<int64_t> shape = e.specs()[i].shape.dims();
    std::span<const float> values = e.array(i, 0);
    if (e.models() > 1) {
      std::vector<float>& all = gathered.emplace_back();
      for (int64_t m = 0; m < e.models() && !is_empty(e.specs()[i]); ++m)
        all.insert(all.end(), e.array(i, m).begin(), e.array(i, m).end());
      values = all;
      shape.insert(shape.begin(), e.models());
    }
    views[e.specs()[i].name] = {safetensors::Dtype::f32, shape, std::as_bytes(values)};
  }
  safetensors::write(path, views, metadata);
}

Ensemble load_ensemble(const std::filesystem::path& path,
                       std::map<std::string, std::string>* metadata) {
  const safetensors::File file = safetensors::read(path);
  const auto stated = file.metadata.find(kModelsKey);
  const std::string text = stated == file.metadata.end() ? "1" : stated->second;
  int64_t models = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), models);
  require(parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && models >= 1,
          "{}: states '{}' models", path.string(), text);
  std::vector<ParameterSpec> specs;
  for (const std::string& name : names_in_order(file)) {
    std::vector<int64_t> shape = file.arrays.at(name).shape;
    if (models > 1) {
      require(!shape.empty() && shape[0] == models, "{}: '{}' has no leading axis of {} models",
              path.string(), name, models);
      shape.erase(shape.begin());
    }
    specs.push_back({name, Shape(shape), init::zeros()});
  }
  Ensemble e(specs, models);
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::vector<float> values = file.arrays.at(specs[i].name).floats();
    const int64_t count = specs[i].shape.count();
    if (is_empty(specs[i])) continue;
    for (int64_t m = 0; m < models; ++m)
      std::memcpy(e.array(i, m).data(), values.data() + m * count, count * sizeof(float));
  }
  const auto hashes = file.metadata.find(kHashKey);
  require(hashes == file.metadata.end() || hashes->second == hashes_of(e),
          "{}: damaged, its weights are not those that were saved; if they were changed on purpose, "
          "remove '{}' from its metadata", path.string(), kHashKey);
  if (metadata) *metadata = file.metadata;
  return e;
}

void load_into(const std::filesystem::path& path, Ensemble& e, int64_t model) {
  const safetensors::File file = safetensors::read(path);
  for (size_t i = 0; i < e.specs().size(); ++i) {
    const ParameterSpec& s = e.specs()[i];
    const auto it = file.arrays.find(s.name);
    require(it != file.arrays.end(), "{}: has no array '{}'", path.string(), s.name);
    require(Shape(it->second.shape) == s.shape, "{}: '{}' is {}, expected {}", path.string(),
            s.name, Shape(it->second.shape), s.shape);
    const std::vector<float> values = it->second.floats();
    std::memcpy(e.array(i, model).data(), values.data(), values.size() * sizeof(float));
  }
}

}  // namespace omni
