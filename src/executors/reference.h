// Sessions on the reference interpreter: what programs mean, in double precision. Slow.
#pragma once

#include <memory>

#include "executors/executor.h"

namespace omni {

// Graphs run as they were built, without passes. Between two runs numbers are what the host's
// arrays hold (f32, i32), so that a model goes on from a copy of its sets to the bit. Nothing of
// the host's is read later than it is given: lent sets and tables, too, are copied, a table once by
// its name, hash and type. What the host is given to read lies elsewhere each time and holds no
// numbers (NaN, -1) once it is out of date.
std::unique_ptr<Executor> make_reference_executor();

}  // namespace omni
