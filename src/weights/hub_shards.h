// A model's tensors on disk as on the Hugging Face hub: in model.safetensors, or in several files
// that model.safetensors.index.json lists.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/safetensors.h"

namespace omni {

// Which file holds each tensor, from an index' contents; `where` is for errors. UserError for a
// text that is no such index, or a file that is not beside it.
std::map<std::string, std::string> parse_shard_index(std::string_view text,
                                                     const std::string& where);

// The names of all files that the weights of a folder are read from: the index before its parts.
// UserError if there are none.
std::vector<std::string> hub_weight_files(const std::filesystem::path& folder);

struct HubTensors {
  std::string where;  // for errors: the file, or the index
  std::map<std::string, safetensors::Array> arrays;
};

// UserError that names file and tensor where the index and its parts disagree.
HubTensors read_hub_tensors(const std::filesystem::path& folder);

}  // namespace omni
