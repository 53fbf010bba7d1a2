#include "lab/checkpoint.h"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/inputs.h"
#include "base/json.h"
#include "base/sha256.h"
#include "store/safetensors.h"

namespace omni {
namespace {

using nlohmann::json;

constexpr int kFormat = 3;                  // 1: of one set; 2: numbers as decimals
constexpr const char* kStateKey = "state";  // JSON: everything but the arrays
constexpr const char* kCheckKey = "check";  // SHA-256 of state and arrays

// Arrays are called
//   "<owner>/set/<set>/<parameter>"
//   "<owner>/host"                      bytes
//   "log/<its place>"                   [runs]
// Owners are "now", "kept/<its place>" and "copy/<its place>"; the state names an owner's sets with
// their parameters, in order, and has a list of the copies, of which the phase and its snapshots
// may share some, and one of the logs, by program.
struct Owner {
  std::string name;
  std::map<std::string, SetView> sets;
  std::span<const std::byte> host;
};

std::string array_name(const std::string& owner, const std::string& set,
                       const std::string& parameter) {
  return fmt::format("{}/set/{}/{}", owner, set, parameter);
}
std::string log_name(size_t place) { return fmt::format("log/{}", place); }
std::string kept_name(size_t place) { return fmt::format("kept/{}", place); }
std::string copy_name(size_t place) { return fmt::format("copy/{}", place); }

// All that there are, each once.
std::vector<const PhaseSnapshot*> copies_of(const PhaseResult& r) {
  std::vector<const PhaseSnapshot*> all;
  const auto add = [&](const Copies& some) {
    for (const auto& [name, copy] : some)
      if (std::ranges::count(all, copy.get()) == 0) all.push_back(copy.get());
  };
  add(r.copies);
  for (const PhaseSnapshot& s : r.kept) add(s.copies);
  return all;
}

Owner owner_of(const std::string& name, const PhaseSnapshot& s) {
  Owner o{name, {}, s.host};
  for (const auto& [set, e] : s.sets) o.sets.emplace(set, view(e[0]));
  return o;
}

std::vector<Owner> owners_of(const Underway& u) {
  std::vector<Owner> owners = {{"now", u.sets, u.host}};
  for (size_t i = 0; i < u.reached.kept.size(); ++i)
    owners.push_back(owner_of(kept_name(i), u.reached.kept[i]));
  const std::vector<const PhaseSnapshot*> copies = copies_of(u.reached);
  for (size_t i = 0; i < copies.size(); ++i) owners.push_back(owner_of(copy_name(i), *copies[i]));
  return owners;
}

// By its bits, so that infinities and NaN come back as they were.
json bits_of(double x) { return std::bit_cast<uint64_t>(x); }

json bits_of(const std::map<std::string, double>& values) {
  json all = json::object();
  for (const auto& [name, x] : values) all[name] = bits_of(x);
  return all;
}

// By name: the place among all copies.
json places_of(const Copies& some, const std::vector<const PhaseSnapshot*>& all) {
  json places = json::object();
  for (const auto& [name, copy] : some)
    places[name] = std::ranges::find(all, copy.get()) - all.begin();
  return places;
}

json to_json(const PhaseSnapshot& s, const std::vector<const PhaseSnapshot*>& copies) {
  json programs = json::object();
  for (const auto& [name, at] : s.programs) programs[name] = {at.runs, bits_of(at.rate)};
  return {s.round, programs, places_of(s.copies, copies)};
}

std::string state_text(const Underway& u, const std::vector<Owner>& owners) {
  const PhaseResult& r = u.reached;
  const std::vector<const PhaseSnapshot*> copies = copies_of(r);
  json j = {{"format", kFormat},
            {"rounds", r.rounds},
            {"programs", json::object()},
            {"probed", json::array()},
            {"kept", json::array()},
            {"copies", json::array()},
            {"named", places_of(r.copies, copies)},
            {"logs", json::object()},
            {"sets", json::object()}};
  if (r.diverged_at) j["diverged_at"] = *r.diverged_at;
  for (const auto& [name, at] : u.programs) j["programs"][name] = {at.runs, bits_of(at.first_loss)};
  for (const Probed& p : r.probed) j["probed"].push_back({p.step, bits_of(p.values)});
  for (const PhaseSnapshot& s : r.kept) j["kept"].push_back(to_json(s, copies));
  for (const PhaseSnapshot* s : copies) j["copies"].push_back(to_json(*s, copies));
  for (const auto& [program, results] : r.logs) {
    json& names = j["logs"][program] = json::array();
    for (const auto& [name, values] : results) names.push_back(name);
  }
  for (const Owner& o : owners) {
    json& sets = j["sets"][o.name] = json::object();
    for (const auto& [set, of] : o.sets) {
      json& names = sets[set] = json::array();
      for (const ParameterSpec& s : of.specs) names.push_back(s.name);
    }
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

double number(const json& bits) {
  require(bits.is_number_unsigned(), "a number is no bits");
  return std::bit_cast<double>(bits.get<uint64_t>());
}

// What a file holds, read by the recipes.
class Contents {
 public:
  Contents(const safetensors::File& file, const json& state, const Recipes& recipes)
      : file_(file), state_(state), recipes_(recipes) {}

  PhaseProgress progress() const {
    require(state_.at("format") == kFormat, "it has another format");
    PhaseProgress p;
    PhaseResult& r = p.reached;
    r.rounds = state_.at("rounds");
    r.sets = sets("now");
    r.host = host("now");
    if (state_.contains("diverged_at")) r.diverged_at = state_.at("diverged_at").get<int64_t>();
    for (const auto& [name, at] : state_.at("programs").items())
      p.programs[name] = {at.at(0).get<int64_t>(), static_cast<float>(number(at.at(1)))};
    for (const json& seen : state_.at("probed")) {
      Probed& probed = r.probed.emplace_back(Probed{seen.at(0).get<int64_t>(), {}});
      for (const auto& [name, value] : seen.at(1).items()) probed.values[name] = number(value);
    }
    std::vector<std::shared_ptr<const PhaseSnapshot>> copies;
    for (size_t i = 0; i < state_.at("copies").size(); ++i)
      copies.push_back(std::make_shared<const PhaseSnapshot>(
          snapshot(copy_name(i), state_.at("copies").at(i), {})));
    for (size_t i = 0; i < state_.at("kept").size(); ++i)
      r.kept.push_back(snapshot(kept_name(i), state_.at("kept").at(i), copies));
    r.copies = named(state_.at("named"), copies);
    size_t logs = 0;
    for (const auto& [program, results] : state_.at("logs").items())
      for (const json& name : results)
        r.logs[program][name.get<std::string>()] = array(log_name(logs++)).floats();
    return p;
  }

 private:
  const safetensors::Array& array(const std::string& name) const {
    const auto found = file_.arrays.find(name);
    require(found != file_.arrays.end(), "an array is missing");
    return found->second;
  }

  std::map<std::string, Ensemble> sets(const std::string& owner) const {
    std::map<std::string, Ensemble> all;
    for (const auto& [set, names] : state_.at("sets").at(owner).items()) {
      const auto recipe = recipes_.find(set);
      require(recipe != recipes_.end() && recipe->second.size() == names.size(),
              "set '{}' is another one", set);
      Ensemble e(recipe->second, 1);
      for (size_t i = 0; i < e.specs().size(); ++i) {
        const ParameterSpec& spec = e.specs()[i];
        const safetensors::Array& values = array(array_name(owner, set, spec.name));
        require(names.at(i) == spec.name && Shape(values.shape) == spec.shape,
                "parameter '{}' is another one", spec.name);
        std::ranges::copy(values.floats(), e.array(i, 0).begin());
      }
      all.emplace(set, std::move(e));
    }
    return all;
  }

  Bytes host(const std::string& owner) const {
    const auto found = file_.arrays.find(owner + "/host");
    return found == file_.arrays.end() ? Bytes{} : found->second.bytes;
  }

  static Copies named(const json& places,
                      const std::vector<std::shared_ptr<const PhaseSnapshot>>& all) {
    Copies some;
    for (const auto& [name, place] : places.items()) {
      require(place.is_number_unsigned() && place.get<uint64_t>() < all.size(),
              "a copy is missing");
      some[name] = all[place.get<uint64_t>()];
    }
    return some;
  }

  PhaseSnapshot snapshot(const std::string& owner, const json& s,
                         const std::vector<std::shared_ptr<const PhaseSnapshot>>& copies) const {
    PhaseSnapshot out{s.at(0).get<int64_t>(), sets(owner), {}, host(owner), named(s.at(2), copies)};
    for (const auto& [name, at] : s.at(1).items())
      out.programs[name] = {at.at(0).get<int64_t>(), number(at.at(1))};
    return out;
  }

  const safetensors::File& file_;
  const json& state_;
  const Recipes& recipes_;
};

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Underway& u) {
  const std::vector<Owner> owners = owners_of(u);
  std::map<std::string, safetensors::View> views;
  const auto add = [&](const std::string& name, std::span<const float> values, const Shape& shape) {
    views[name] = {safetensors::Dtype::f32, shape.dims(), std::as_bytes(values)};
  };
  for (const Owner& o : owners) {
    for (const auto& [set, of] : o.sets)
      for (size_t i = 0; i < of.specs.size(); ++i)
        add(array_name(o.name, set, of.specs[i].name), of.arrays[i], of.specs[i].shape);
    if (!o.host.empty())
      views[o.name + "/host"] = {safetensors::Dtype::u8, {std::ssize(o.host)}, o.host};
  }
  size_t logs = 0;
  for (const auto& [program, results] : u.reached.logs)
    for (const auto& [name, values] : results)
      add(log_name(logs++), values, Shape{std::ssize(values)});
  std::map<std::string, std::span<const std::byte>> bytes;
  for (const auto& [name, v] : views) bytes[name] = v.bytes;
  const std::string state = state_text(u, owners);
  safetensors::write(path, views, {{kStateKey, state}, {kCheckKey, checksum(state, bytes)}});
}

void write_checkpoint(const std::filesystem::path& path, const PhaseResult& finished) {
  Underway u{finished, {}, {}, finished.host};
  for (const auto& [set, e] : finished.sets) u.sets.emplace(set, view(e[0]));
  write_checkpoint(path, u);
}

std::optional<PhaseProgress> read_checkpoint(const std::filesystem::path& path,
                                             const Recipes& recipes) {
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
    const json parsed = parse_json(state->second, "a checkpoint");
    return Contents(file, parsed, recipes).progress();
  } catch (const UserError&) {
  } catch (const json::exception&) {
  }
  return std::nullopt;
}

}  // namespace omni
