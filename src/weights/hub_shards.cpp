#include "weights/hub_shards.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/inputs.h"
#include "base/json.h"
#include "store/files.h"

namespace omni {
namespace {

using nlohmann::json;

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kMap = "weight_map";

bool has(const std::filesystem::path& folder, const char* name) {
  return has_input(folder / name);
}

std::map<std::string, std::string> read_index(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kIndex;
  return parse_shard_index(read_file(file), file.string());
}

std::set<std::string> parts_of(const std::map<std::string, std::string>& index) {
  std::set<std::string> parts;
  for (const auto& [tensor, part] : index) parts.insert(part);
  return parts;
}

}  // namespace

std::map<std::string, std::string> parse_shard_index(std::string_view text,
                                                     const std::string& where) {
  json parsed;
  try {
    parsed = parse_json(text, where);
  } catch (const json::parse_error& e) {
    fail_user("{}: is no JSON: {}", where, e.what());
  }
  require(parsed.is_object() && parsed.contains(kMap) && parsed[kMap].is_object() &&
              !parsed[kMap].empty(),
          "{}: expected an object with \"{}\": {{\"tensor\": \"file\", ...}}", where, kMap);
  std::map<std::string, std::string> files;
  for (const auto& [tensor, part] : parsed[kMap].items()) {
    require(part.is_string(), "{}: '{}' is in {}, expected the name of a file", where, tensor,
            part.dump());
    const auto name = part.get<std::string>();
    require(name.ends_with(".safetensors") && name.find_first_of("/\\") == std::string::npos &&
                name.find('\0') == std::string::npos,
            "{}: '{}' is in \"{}\", expected a safetensors file in the same folder", where, tensor,
            name);
    files[tensor] = name;
  }
  return files;
}

std::vector<std::string> hub_weight_files(const std::filesystem::path& folder) {
  if (has(folder, kWhole)) return {kWhole};
  std::error_code ignored;
  require(has(folder, kIndex), "'{}' has neither {} nor {}{}", folder.string(), kWhole, kIndex,
          std::filesystem::exists(folder / "pytorch_model.bin", ignored)  // never read
              ? "; there is a pytorch_model.bin, which transformers writes as safetensors with "
                "from_pretrained(FOLDER).save_pretrained(FOLDER)"
              : "");
  std::vector<std::string> names = {kIndex};
  for (const std::string& part : parts_of(read_index(folder))) names.push_back(part);
  return names;
}

HubTensors read_hub_tensors(const std::filesystem::path& folder) {
  if (hub_weight_files(folder).front() == kWhole)
    return {(folder / kWhole).string(), safetensors::read(folder / kWhole).arrays};
  const auto index = read_index(folder);
  HubTensors all{(folder / kIndex).string(), {}};
  for (const std::string& part : parts_of(index))
    for (auto& [name, array] : safetensors::read(folder / part).arrays) {
      const auto listed = index.find(name);
      require(listed != index.end() && listed->second == part, "{}: {} holds '{}', which is {}",
              all.where, part, name,
              listed == index.end() ? "not listed" : "listed in " + listed->second);
      all.arrays.emplace(name, std::move(array));
    }
  for (const auto& [name, part] : index)
    require(all.arrays.contains(name), "{}: '{}' is listed in {}, which does not hold it",
            all.where, name, part);
  return all;
}

}  // namespace omni
