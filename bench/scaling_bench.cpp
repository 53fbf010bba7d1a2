// What stays the same, and what should not, as models and cores become more: the MLP in f32.
#include "bench/benches.h"
#include "bench/resident_models.h"
#include "bench/sides.h"

namespace omni::bench {
namespace {

constexpr int64_t kBatch = 128, kLargeBatch = 1024;

void resident_models(Bench& b) {
  const std::vector<int64_t> counts = {8, 64, 512};
  const Rates rates =
      compare_resident_models(b, {"models.lowest_over_highest", mlp_step, kBatch, 100, counts});
  for (size_t i = 0; i < rates.size(); ++i)
    b.add_rate(fmt::format("models.rate.{}", counts[i]), rates[i], kBatch);
}

void workers(Bench& b) {
  TrainingSide one(mlp_step, kBatch, Precision::f32, 1), two(mlp_step, kBatch, Precision::f32, 2);
  const Side sides[] = {two.side(), one.side()};
  const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
  b.add_ratio("workers.two_over_one", quotients(rates[0], rates[1]), 1.9);
}

void threads_for_one_model(Bench& b) {
  TrainingSide one(mlp_step, kLargeBatch, Precision::f32, 1, 1);
  TrainingSide two(mlp_step, kLargeBatch, Precision::f32, 1, 2);
  const Side sides[] = {two.side(), one.side()};
  const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
  b.add_ratio("one_model.two_cores_over_one", quotients(rates[0], rates[1]), 1.6,
              fmt::format("batch {}", kLargeBatch));
}

}  // namespace

void many_models(Bench& b) {
  resident_models(b);
  if (b.cores >= 2) {
    workers(b);
    threads_for_one_model(b);
    return;
  }
  const char* reason = "needs two cores";
  b.add({"workers.two_over_one", {}, "ratio", 1.9, false, reason});
  b.add({"one_model.two_cores_over_one", {}, "ratio", 1.6, false, reason});
}

}  // namespace omni::bench
