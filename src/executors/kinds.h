// The executors that there are, by name.
#pragma once

#include <string>
#include <vector>

namespace omni {

enum class ExecutorKind { cpu, reference };

const char* name_of(ExecutorKind kind);
std::vector<std::string> executor_names();
// UserError that names `where` and the nearest name.
ExecutorKind executor_of(const std::string& name, const std::string& where);

}  // namespace omni
