// Page faults per training step after warm-up: none, or the system would take memory away and give
// it anew in the midst of training.
#include <fmt/format.h>
#include <sys/resource.h>

#include "bench/benches.h"
#include "bench/workload.h"

namespace omni::bench {
namespace {

struct Case {
  const char* name;
  Build build;
  int64_t batch;
  Precision precision;
  const DataTable& (*data)() = random_images;
};
constexpr Case kCases[] = {
    {"mlp.f32.b128", mlp_step, 128, Precision::f32},
    {"mlp.f32.b1024", mlp_step, 1024, Precision::f32},
    {"mlp.bf16.b128", mlp_step, 128, Precision::bf16},
    {"mlp.bf16.b1024", mlp_step, 1024, Precision::bf16},
    {"conv.f32.b128", convnet_step, 128, Precision::f32},
    {"conv.bf16.b128", convnet_step, 128, Precision::bf16},
    {"language.f32.b64", language_step, 64, Precision::f32, random_text},
    {"language.bf16.b64", language_step, 64, Precision::bf16, random_text},
};

// Of the whole process, served without reading from a disk.
int64_t page_faults_so_far() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

}  // namespace

void page_faults(Bench& b) {
  const int64_t steps = b.quick ? 5 : 60;
  for (const Case& c : kCases) {
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
