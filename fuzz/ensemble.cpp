// Ensembles of models in safetensors files.
#include <algorithm>

#include "base/error.h"
#include "fuzz/target.h"
#include "store/files.h"
#include "weights/arrays.h"

namespace omni::fuzz {

// Beyond safetensors: one float of each model may fill a cache line of its own.
const MemoryBound kMemory{1 << 20, 400};

void read(std::string_view input) {
  std::map<std::string, std::string> metadata;
  const Ensemble ensemble = load_ensemble(file_with(input), &metadata);
  check(ensemble.models() >= 1, "{} models", ensemble.models());

  const auto first = scratch_path("first");
  save_ensemble(first, ensemble, metadata);
  const Ensemble back = load_ensemble(first);
  check(back.models() == ensemble.models(), "{} models read back as {}", ensemble.models(),
        back.models());
  check(back.specs() == ensemble.specs(), "the parameters read back as others");
  for (size_t i = 0; i < ensemble.specs().size(); ++i) {
    const int64_t count = ensemble.specs()[i].shape.count();
    if (count == 0) continue;  // of as many models as the file likes to state
    for (int64_t m = 0; m < ensemble.models(); ++m) {
      const auto bytes = std::as_bytes(ensemble.array(i, m));
      check(std::ranges::equal(bytes, std::as_bytes(back.array(i, m))),
            "model {} reads back as another", m);
    }
  }
}

}  // namespace omni::fuzz
