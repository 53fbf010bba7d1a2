#include "bench/resident_models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <deque>

namespace omni::bench {
namespace {

// Takes one resident model after another through a short phase of training, with a program per
// worker.
class RoundRobin {
 public:
  RoundRobin(const ResidentModels& r, int workers, int64_t models)
      : phase_steps_(r.phase_steps), models_([&] {
          for (int w = 0; w < workers; ++w)
            trainers_.emplace_back(r.build, r.batch, Precision::f32, 1, r.data);
          return Models(trainers_.front().parameters(), models);
        }()) {}

  // Of phases; must not outlive this object.
  Side side() {
    return {static_cast<int>(trainers_.size()), [this](int worker) {
              Trainer& t = trainers_[worker];
              const int64_t model = next_++ % models_.count();
              t.take(models_, model);
              for (int64_t s = 0; s < phase_steps_; ++s) t.step();
              t.put_back(models_, model);
            }};
  }

 private:
  int64_t phase_steps_;
  std::deque<Trainer> trainers_;
  Models models_;
  std::atomic<int64_t> next_ = 0;
};

}  // namespace

Rates compare_resident_models(Bench& b, const ResidentModels& r) {
  std::deque<RoundRobin> ensembles;
  std::vector<Side> sides;
  for (const int64_t n : r.counts) sides.push_back(ensembles.emplace_back(r, b.cores, n).side());
  Rates rates = alternate(sides, b.repetitions, 2 * b.window_s(), b.warm_up_s());
  std::vector<double> medians;
  for (std::vector<double>& row : rates) {
    for (double& rate : row) rate *= static_cast<double>(r.phase_steps);
    medians.push_back(median(row));
  }
  const auto [low, high] = std::ranges::minmax(medians);
  b.add({r.name, low / high, "ratio", 0.95, false,
         fmt::format("of the rates with {} resident models, {} steps on one, then on to the next",
                     fmt::join(r.counts, ", "), r.phase_steps)});
  return rates;
}

}  // namespace omni::bench
