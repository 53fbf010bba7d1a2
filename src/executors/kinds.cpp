#include "executors/kinds.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/nearest.h"

namespace omni {
namespace {

constexpr ExecutorKind kKinds[] = {ExecutorKind::cpu, ExecutorKind::reference};

}  // namespace

const char* name_of(ExecutorKind kind) { return kind == ExecutorKind::cpu ? "cpu" : "reference"; }

std::vector<std::string> executor_names() {
  std::vector<std::string> names;
  for (const ExecutorKind kind : kKinds) names.emplace_back(name_of(kind));
  return names;
}

ExecutorKind executor_of(const std::string& name, const std::string& where) {
  for (const ExecutorKind kind : kKinds)
    if (name == name_of(kind)) return kind;
  fail_user("{}: 'executor' expects {}, got '{}'{}", where, fmt::join(executor_names(), " or "),
            name, suggest(name, executor_names()));
}

}  // namespace omni
