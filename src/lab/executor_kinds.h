// The executors that there are, each with what the lab has to know of it. Of all that stands on
// executors, this alone knows which devices they run on.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/precision.h"
#include "executors/slots.h"

namespace omni {

struct Load;  // lab/cost.h

enum class ExecutorKind { cpu, reference };

struct ExecutorOptions {
  Precision precision = Precision::f32;
  std::set<std::string> passes_off = {};  // names of passes() in engine/passes.h
  int threads = 1;                        // change no bit
};

struct ExecutorRow {
  ExecutorKind kind;
  const char* name;
  const char* computes_in;  // "double precision"; null: in the precision that it is asked for
  const char* passes;       // why none can be switched off; null: they can
  // What one thread typically takes for so much, and for planning a graph.
  double (*seconds)(const Load&);
  double planning_s;
  std::string (*library)();  // whose kernels compute, for records: bits may differ between versions
  std::unique_ptr<Executor> (*make)(const ExecutorOptions&);  // for one worker
  // For all workers of a run together. Null: it steps one model at a time, and each has its own.
  std::unique_ptr<SlotExecutor> (*make_slots)(int threads);
};

const ExecutorRow& row_of(ExecutorKind kind);
std::vector<std::string> executor_names();
// UserError that names `where` and the nearest name.
ExecutorKind executor_of(const std::string& name, const std::string& where);
// UserError where it takes no such precision, or no passes switched off.
void require_takes(ExecutorKind kind, Precision precision, const std::set<std::string>& passes_off);

}  // namespace omni
