// Seeds under way at once on an executor that steps many models together: how many there are room
// for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "executors/slots.h"
#include "lab/jobs.h"

namespace omni {

struct UnderWay {
  int jobs = 1;  // seeds, or parts of them
  // That one takes at most, all that it trains counted as if kept to its end.
  int64_t bytes_each = 0;
};
// Of so many that are left to do; at least one, whatever it takes.
UnderWay most_under_way(const SeedRecord& dry, const Division& division,
                        const SlotExecutor& executor, size_t jobs, int64_t most_bytes);

}  // namespace omni
