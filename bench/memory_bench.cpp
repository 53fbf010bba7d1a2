// What a resident model costs, by what was asked for and by what the system gave.
#include <unistd.h>

#include <fstream>

#include "bench/benches.h"
#include "bench/workload.h"

namespace omni::bench {
namespace {

int64_t resident_bytes() {
  std::ifstream f("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  f >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Trains every model for a few steps, so that all of its memory is in use.
int64_t bytes_with(Trainer& t, int64_t count, int64_t& asked_for) {
  Models models(t.parameters(), count);
  asked_for = models.bytes();
  for (int64_t m = 0; m < count; ++m) {
    t.take(models, m);
    for (int s = 0; s < 2; ++s) t.step();
  }
  return resident_bytes();
}

}  // namespace

void memory(Bench& b) {
  constexpr int64_t kFew = 64, kMany = 192;
  constexpr double kTarget = 16;
  Trainer t(mlp_step, 128, Precision::f32);
  int64_t few_asked = 0, many_asked = 0;
  const int64_t few = bytes_with(t, kFew, few_asked), many = bytes_with(t, kMany, many_asked);
  const double numbers =
      static_cast<double>((kMany - kFew) * Ensemble(t.parameters().weights, 1).parameters());
  b.add({"memory.asked_for", static_cast<double>(many_asked - few_asked) / numbers,
         "bytes per parameter and model", kTarget, true, "weights and Adam's two moments, f32"});
  b.add({"memory.resident", static_cast<double>(many - few) / numbers,
         "bytes per parameter and model", kTarget, true,
         fmt::format("growth of the resident set from {} to {} models", kFew, kMany)});
  b.add({"memory.worker",
         static_cast<double>(t.plan().arena_bytes()) / (1 << 20),
         "MiB",
         {},
         false,
         "activations, gradients and scratch of one worker, batch 128"});
}

}  // namespace omni::bench
