// What stays the same, and what should not, as models and cores become more: the MLP in f32.
#include <algorithm>
#include <deque>

#include "bench/benches.h"
#include "bench/sides.h"

namespace omni::bench {
namespace {

constexpr int64_t kBatch = 128, kLargeBatch = 1024;

void resident_models(Bench& b) {
  const int64_t counts[] = {8, 64, 512};
  std::deque<RoundRobin> ensembles;
  std::vector<Side> sides;
  for (const int64_t n : counts)
    sides.push_back(ensembles.emplace_back(mlp_step, kBatch, b.cores, n).side());
  const Rates rates = alternate(sides, b.repetitions, 2 * b.window_s(), b.warm_up_s());
  std::vector<double> medians;
  for (size_t i = 0; i < rates.size(); ++i) {
    std::vector<double> steps = rates[i];
    for (double& r : steps) r *= RoundRobin::kPhaseSteps;
    b.add_rate(fmt::format("models.rate.{}", counts[i]), steps, kBatch);
    medians.push_back(median(rates[i]));
  }
  const auto [low, high] = std::ranges::minmax(medians);
  b.add({"models.lowest_over_highest", low / high, "ratio", 0.95, false,
         fmt::format("of the rates with 8, 64 and 512 resident models, {} steps on one, then on to "
                     "the next",
                     RoundRobin::kPhaseSteps)});
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
