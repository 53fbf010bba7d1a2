// Which file holds which of a model's tensors: model.safetensors.index.json.
#include "base/error.h"
#include "fuzz/target.h"
#include "weights/hub_shards.h"

namespace omni::fuzz {

// The JSON, and two texts for each tensor.
const MemoryBound kMemory{1 << 20, 200};

void read(std::string_view input) {
  const auto files = parse_shard_index(input, "model.safetensors.index.json");
  check(!files.empty(), "an index of nothing");
  for (const auto& [tensor, file] : files)
    check(std::filesystem::path(file).filename() == file && file != ".." && !file.empty(),
          "'{}' leaves the folder", file);
}

}  // namespace omni::fuzz
