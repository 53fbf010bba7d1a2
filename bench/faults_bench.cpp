// Page faults per training step after warm-up: none, or the system would take memory away and give
// it anew in the midst of training.
#include <fmt/format.h>
#include <sys/resource.h>

#include "bench/benches.h"
#include "bench/workload.h"

namespace omni::bench {
namespace {

// Of the whole process, served without reading from a disk.
int64_t page_faults_so_far() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

}  // namespace

void page_faults(Bench& b) {
  const int64_t steps = b.quick ? 5 : 60;
  for (const TimedStep& c : kTimedSteps) {
    Trainer trainer(c.build, c.batch, c.precision, 1, c.data());
    Models models(trainer.parameters(), 1);
    trainer.take(models, 0);
    for (int i = 0; i < 5; ++i) trainer.step();
    const int64_t before = page_faults_so_far();
    for (int64_t i = 0; i < steps; ++i) trainer.step();
    const auto faults = static_cast<double>(page_faults_so_far() - before);
    b.add({fmt::format("page_faults.{}", c.name), faults / static_cast<double>(steps), "per step",
           0, true, fmt::format("{} steps after 5", steps)});
  }
}

}  // namespace omni::bench
