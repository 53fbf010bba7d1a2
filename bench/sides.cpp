#include "bench/sides.h"

#include "bench/peak.h"

namespace omni::bench {

TrainingSide::TrainingSide(Build build, int64_t batch, Precision precision, int workers,
                           int threads, const DataTable& data)
    : batch_(batch) {
  for (int w = 0; w < workers; ++w) {
    Trainer& t = trainers_.emplace_back(build, batch, precision, threads, data);
    t.take(models_.emplace_back(t.parameters(), 1), 0);
  }
}

Side TrainingSide::side() {
  return {static_cast<int>(trainers_.size()), [this](int worker) { trainers_[worker].step(); }};
}

int64_t TrainingSide::slice_rows() const {
  const int64_t slices = plan().slices();
  return (batch_ + slices - 1) / slices;
}

Side multiply_adds(int workers) {
  return {workers, [](int) { multiply_and_add(); }};
}

void add_peak_share(Bench& b, const std::string& name, const std::vector<double>& steps_per_s,
                    const std::vector<double>& peak_per_s, double step_flops) {
  b.add_ratio(name, quotients(steps_per_s, peak_per_s, step_flops / multiply_and_add()), {},
              "of the multiply-adds in f32 that the cores can do, products alone counted; bf16 may "
              "pass 1 where the processor multiplies it faster");
}

std::function<std::vector<double>()> epoch_rates(const Bench& b, Build build, int64_t batch,
                                                 Precision precision, const DataTable& data,
                                                 double samples) {
  return [=, &b, &data] {
    TrainingSide training(build, batch, precision, b.cores, 1, data);
    const Side side[] = {training.side()};
    std::vector<double> rates =
        alternate(side, (b.repetitions + 1) / 2, b.window_s(), b.warm_up_s()).front();
    for (double& r : rates) r *= static_cast<double>(batch) / samples;
    return rates;
  };
}

}  // namespace omni::bench
