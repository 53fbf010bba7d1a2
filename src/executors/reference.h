// Sessions on the reference interpreter: what programs mean, in double precision. Slow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "executors/slots.h"
#include "graph/interpreter.h"

namespace omni {

// A run that was computed, and of which nothing was written yet: what it read, by name, and all of
// its graph's values.
struct ReferenceRun {
  int program = 0;
  const Graph& graph;
  const std::map<std::string, const RefArray*>& inputs;
  const RefValues& values;
};

// None of these changes a bit.
struct ReferenceOptions {
  int threads = 1;       // the caller among them: models in slots are stepped by all of these
  uint64_t order = 0;    // of models in a step: another one at every run, which follow from this
  int most_slots = 256;  // that are opened together
  // Told of every run. What it throws ends the run, whose session has then to be given anew.
  std::function<void(const ReferenceRun&)> ran = {};
};

// Graphs run as they were built, without passes. Between two runs numbers are what the host's
// arrays hold (f32, i32), so that a model goes on from a copy of its sets to the bit. Nothing of
// the host's is read later than it is given: lent sets and tables, too, are copied, a table once by
// its name, hash and type. What the host is given to read lies elsewhere each time and holds no
// numbers (NaN, -1) once it is out of date.
std::unique_ptr<SlotExecutor> make_reference_executor(const ReferenceOptions& options = {});

}  // namespace omni
