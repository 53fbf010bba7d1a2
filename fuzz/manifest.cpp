// Manifests of run folders.
#include "base/error.h"
#include "fuzz/target.h"
#include "store/run_folder.h"

namespace omni::fuzz {

// A text of one byte in a list is a JSON node, a string and their room to grow.
const MemoryBound kMemory{1 << 20, 150};

void read(std::string_view input) {
  const Manifest manifest = manifest_from_json(std::string(input), "input");
  check(manifest.format == kRunFormat, "format {}", manifest.format);
  const std::string text = to_json(manifest);
  check(to_json(manifest_from_json(text, "printed")) == text, "reads back as another: {}", text);
}

}  // namespace omni::fuzz
