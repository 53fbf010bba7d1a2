// Sessions on the reference interpreter: what programs mean, in double precision. Slow.
#pragma once

#include <cstdint>
#include <memory>

#include "executors/slots.h"

namespace omni {

// None of these changes a bit.
struct ReferenceOptions {
  int threads = 1;       // the caller among them: models in slots are stepped by all of these
  uint64_t order = 0;    // of models in a step: another one at every run, which follow from this
  int most_slots = 256;  // that are opened together
};

// Graphs run as they were built, without passes. Between two runs numbers are what the host's
// arrays hold (f32, i32), so that a model goes on from a copy of its sets to the bit. Nothing of
// the host's is read later than it is given: lent sets and tables, too, are copied, a table once by
// its name, hash and type. What the host is given to read lies elsewhere each time and holds no
// numbers (NaN, -1) once it is out of date.
std::unique_ptr<SlotExecutor> make_reference_executor(const ReferenceOptions& options = {});

}  // namespace omni
