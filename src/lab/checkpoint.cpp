#include "lab/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/inputs.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/statistics.h"
#include "store/safetensors.h"

namespace omni {
namespace {

using nlohmann::json;

constexpr const char* kStateKey = "state";  // JSON: everything but the arrays
constexpr const char* kCheckKey = "check";  // SHA-256 of state and arrays

// Arrays are called "<owner>/<parameter>", and the owners "model", "optimizer", and for each kept
// snapshot "kept/<its place>/model" and "kept/<its place>/optimizer".
std::string owner_of_kept(size_t place, const char* what) {
  return fmt::format("kept/{}/{}", place, what);
}

std::string array_name(const std::string& owner, const std::string& parameter) {
  return owner + "/" + parameter;
}

// Whose parameters the file holds, in their order.
using Owners = std::vector<std::pair<std::string, SetView>>;

Owners owners_of(const Underway& u) {
  Owners owners = {{"model", u.model}};
  if (!u.optimizer.specs.empty()) owners.emplace_back("optimizer", u.optimizer);
  const Reached<Snapshot>& kept = u.reached.kept;
  for (size_t i = 0; i < kept.size(); ++i) {
    owners.emplace_back(owner_of_kept(i, "model"), view(kept[i].model[0]));
    if (kept[i].optimizer)
      owners.emplace_back(owner_of_kept(i, "optimizer"), view((*kept[i].optimizer)[0]));
  }
  return owners;
}

// A number that is not finite becomes null and comes back as NaN.
std::string state_text(const Trained& t, double first_loss, const Owners& owners) {
  json j = {{"steps", t.steps},
            {"first_loss", first_loss},
            {"probed", json::array()},
            {"kept", json::array()},
            {"parameters", json::object()}};
  if (t.diverged_at) j["diverged_at"] = *t.diverged_at;
  for (const Probed& p : t.probed) j["probed"].push_back({p.step, p.values});
  for (const Snapshot& s : t.kept) j["kept"].push_back({s.step, s.rate});
  for (const auto& [owner, set] : owners) {
    json& names = j["parameters"][owner] = json::array();
    for (const ParameterSpec& s : set.specs) names.push_back(s.name);
  }
  return j.dump();
}

std::string checksum(const std::string& state,
                     const std::map<std::string, std::span<const std::byte>>& arrays) {
  Sha256 sha;
  const auto add = [&](std::string_view text) { sha.add(std::as_bytes(std::span(text))); };
  add(state);
  for (const auto& [name, bytes] : arrays) {
    add(fmt::format("\n{} {}\n", name, bytes.size()));
    sha.add(bytes);
  }
  return sha.hex();
}

using Recipes = std::span<const ParameterSpec>;

// An optimiser's state has no recipes: it begins as zeros.
Ensemble ensemble_of(const safetensors::File& file, const json& state, const std::string& owner,
                     Recipes recipes) {
  std::vector<ParameterSpec> specs;
  for (const json& name : state.at("parameters").at(owner)) {
    const auto found = file.arrays.find(array_name(owner, name.get<std::string>()));
    require(found != file.arrays.end(), "a parameter is missing");
    specs.push_back({name.get<std::string>(), Shape(found->second.shape), init::zeros()});
    if (owner.ends_with("optimizer")) continue;
    require(specs.size() <= recipes.size(), "there are too many parameters");
    const ParameterSpec& recipe = recipes[specs.size() - 1];
    require(recipe.name == specs.back().name && recipe.shape == specs.back().shape,
            "parameter '{}' is another one", recipe.name);
    specs.back() = recipe;
  }
  Ensemble e(std::move(specs), 1);
  for (size_t i = 0; i < e.specs().size(); ++i)
    std::ranges::copy(file.arrays.at(array_name(owner, e.specs()[i].name)).floats(),
                      e.array(i, 0).begin());
  return e;
}

Progress progress_of(const safetensors::File& file, const json& state, Recipes recipes) {
  const auto has = [&](const std::string& owner) { return state.at("parameters").contains(owner); };
  const auto number = [](const json& v) { return v.is_null() ? kNaN : v.get<double>(); };
  Progress p{{ensemble_of(file, state, "model", recipes)}};
  p.first_loss = number(state.at("first_loss"));
  Trained& t = p.reached;
  t.steps = state.at("steps");
  if (state.contains("diverged_at")) t.diverged_at = state.at("diverged_at").get<int64_t>();
  for (const json& seen : state.at("probed")) {
    Probed& probed = t.probed.emplace_back(Probed{seen.at(0).get<int64_t>(), {}});
    for (const auto& [name, value] : seen.at(1).items()) probed.values[name] = number(value);
  }
  for (size_t i = 0; i < state.at("kept").size(); ++i) {
    const json& kept = state["kept"][i];
    t.kept.push_back({kept.at(0).get<int64_t>(),
                      ensemble_of(file, state, owner_of_kept(i, "model"), recipes),
                      {},
                      number(kept.at(1))});
    if (const std::string owner = owner_of_kept(i, "optimizer"); has(owner))
      t.kept.back().optimizer = ensemble_of(file, state, owner, {});
  }
  if (has("optimizer")) p.optimizer = ensemble_of(file, state, "optimizer", {});
  return p;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Underway& u) {
  const Owners owners = owners_of(u);
  std::map<std::string, safetensors::View> views;
  std::map<std::string, std::span<const std::byte>> bytes;
  for (const auto& [owner, set] : owners)
    for (size_t i = 0; i < set.specs.size(); ++i) {
      const std::string name = array_name(owner, set.specs[i].name);
      bytes[name] = std::as_bytes(set.arrays[i]);
      views[name] = {safetensors::Dtype::f32, set.specs[i].shape.dims(), bytes[name]};
    }
  const std::string state = state_text(u.reached, u.first_loss, owners);
  safetensors::write(path, views, {{kStateKey, state}, {kCheckKey, checksum(state, bytes)}});
}

void write_checkpoint(const std::filesystem::path& path, const Trained& finished) {
  write_checkpoint(path, {finished, 0, view(finished.model[0]), {}});
}

std::optional<Progress> read_checkpoint(const std::filesystem::path& path,
                                        std::span<const ParameterSpec> recipes) {
  const ReadsInputs none(nullptr);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    const safetensors::File file = safetensors::read(path);
    const auto state = file.metadata.find(kStateKey), check = file.metadata.find(kCheckKey);
    if (state == file.metadata.end() || check == file.metadata.end()) return std::nullopt;
    std::map<std::string, std::span<const std::byte>> bytes;
    for (const auto& [name, array] : file.arrays) bytes[name] = array.bytes;
    if (check->second != checksum(state->second, bytes)) return std::nullopt;
    return progress_of(file, parse_json(state->second, "a checkpoint"), recipes);
  } catch (const UserError&) {
  } catch (const json::exception&) {
  }
  return std::nullopt;
}

}  // namespace omni
