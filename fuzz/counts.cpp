// What programs keep of the presets' computations.
#include "lab/counts.h"

#include "base/error.h"
#include "fuzz/target.h"

namespace omni::fuzz {

const MemoryBound kMemory{1 << 20, 200};

void read(std::string_view input) {
  const Counts counts = counts_from_json(input, "input");
  const std::string text = counts_to_json(counts);
  check(counts_to_json(counts_from_json(text, "printed")) == text, "reads back as another: {}",
        text);
  for (const auto& [names, counted] : counts.presets)
    if (counted.count)
      check(estimated_seconds(*counted.count, 3, 2) >= 0, "an estimate that is none");
}

}  // namespace omni::fuzz
