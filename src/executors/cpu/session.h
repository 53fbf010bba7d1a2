// Sessions on CPU cores: programs planned once per graph, shared by an executor's sessions.
#pragma once

#include <memory>

#include "executors/cpu/program.h"
#include "executors/executor.h"

namespace omni {

// A session's run() allocates nothing. Its programs run on a team of `options.threads` threads, of
// which the caller is one. UserError for unknown passes when the first session is opened.
std::unique_ptr<Executor> make_cpu_executor(ProgramOptions options = {});

}  // namespace omni
