// How long runs took on machines, as the cache keeps it.
#include "lab/seen_runs.h"

#include "base/error.h"
#include "fuzz/target.h"

namespace omni::fuzz {

const MemoryBound kMemory{1 << 20, 200};

void read(std::string_view input) {
  const SeenRuns seen = SeenRuns::from_json(input, "input");
  const std::string text = seen.to_json();
  check(SeenRuns::from_json(text, "printed").to_json() == text, "reads back as another: {}", text);
  for (const SeenRun& run : seen.all())
    check(seen.slowness(run.machine, run.experiment, run.preset) > 0, "no slowness of a seen run");
}

}  // namespace omni::fuzz
