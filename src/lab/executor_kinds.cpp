#include "lab/executor_kinds.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/machine.h"
#include "base/nearest.h"
#include "executors/cpu/kernels.h"
#include "executors/cpu/session.h"
#include "executors/reference.h"
#include "lab/cost.h"

namespace omni {
namespace {

// --- CPUs ---

// Of products alone and of memory that ops write, with AVX-512, on a core of a server of these
// years. Fitted to the steps of the catalogue's presets, most of which it meets within a third.
double cpu_seconds(const Load& load) {
  constexpr double kFlopsPerS = 150e9, kBytesPerS = 12e9;
  const std::string set = instruction_set();  // a core does less whose vectors are shorter
  const double share = set.starts_with("avx512") ? 1 : set == "avx2" ? 0.5 : 0.15;
  return load.matmul_flops / (share * kFlopsPerS) + load.bytes / kBytesPerS;
}

std::unique_ptr<Executor> make_cpu(const ExecutorOptions& o) {
  return make_cpu_executor({o.precision, o.passes_off, o.threads});
}

// --- The reference ---

double reference_seconds(const Load& load) {
  constexpr double kFlopsPerS = 0.7e9, kBytesPerS = 0.4e9;
  return load.matmul_flops / kFlopsPerS + load.bytes / kBytesPerS;
}

std::unique_ptr<Executor> make_reference(const ExecutorOptions&) {
  return make_reference_executor();
}

std::unique_ptr<SlotExecutor> make_reference_slots(int threads) {
  return make_reference_executor({.threads = threads});
}

constexpr ExecutorRow kKinds[] = {
    {.kind = ExecutorKind::cpu,
     .name = "cpu",
     .computes_in = nullptr,
     .passes = nullptr,
     .seconds = cpu_seconds,
     .planning_s = 0.015,  // most of it is oneDNN's making of kernels
     .library = kernel_library,
     .make = make_cpu,
     .make_slots = nullptr},
    {.kind = ExecutorKind::reference,
     .name = "reference",
     .computes_in = "double precision",
     .passes = "runs graphs as they were built, without any",
     .seconds = reference_seconds,
     .planning_s = 0,
     .library = [] { return std::string("no library"); },
     .make = make_reference,
     .make_slots = make_reference_slots},
};

// Names of those that `takes` is true of: "the executor cpu".
template <class Takes>
std::string those(Takes takes) {
  std::vector<std::string> names;
  for (const ExecutorRow& row : kKinds)
    if (takes(row)) names.emplace_back(row.name);
  return fmt::format("the executor{} {}", names.size() == 1 ? "" : "s", fmt::join(names, " and "));
}

}  // namespace

const ExecutorRow& row_of(ExecutorKind kind) {
  return *std::ranges::find(kKinds, kind, &ExecutorRow::kind);
}

std::vector<std::string> executor_names() {
  std::vector<std::string> names;
  for (const ExecutorRow& row : kKinds) names.emplace_back(row.name);
  return names;
}

ExecutorKind executor_of(const std::string& name, const std::string& where) {
  for (const ExecutorRow& row : kKinds)
    if (name == row.name) return row.kind;
  fail_user("{}: 'executor' expects {}, got '{}'{}", where, fmt::join(executor_names(), " or "),
            name, suggest(name, executor_names()));
}

void require_takes(ExecutorKind kind, Precision precision,
                   const std::set<std::string>& passes_off) {
  const ExecutorRow& row = row_of(kind);
  if (row.computes_in)
    require(precision == Precision::f32, "precision bf16 is for {}; {} computes in {}",
            those([](const ExecutorRow& r) { return !r.computes_in; }), row.name, row.computes_in);
  if (row.passes)
    require(passes_off.empty(),
            "passes can be switched off (--passes-off, OMNISCALE_PASSES_OFF) for {}; {} {}",
            those([](const ExecutorRow& r) { return !r.passes; }), row.name, row.passes);
}

}  // namespace omni
