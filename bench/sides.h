// Training steps as sides of a comparison.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/measure.h"
#include "bench/workload.h"

namespace omni::bench {

// One model per worker, each trained on and on.
class TrainingSide {
 public:
  TrainingSide(Build build, int64_t batch, Precision precision, int workers, int threads = 1,
               const DataTable& data = random_images());
  Side side();  // of training steps; must not outlive this object
  const Graph& graph() const { return trainers_.front().graph(); }
  Program plan() const { return trainers_.front().plan(); }  // of the step, to look at
  int64_t slice_rows() const;  // rows of the batch that the engine works on at once

 private:
  int64_t batch_;
  std::deque<Trainer> trainers_;
  std::deque<Models> models_;
};

// Nothing but multiply-adds in f32, as fast as cores can.
Side multiply_adds(int workers);
// What steps/s of so many FLOPs in products are of multiply_adds() measured in turns with them.
void add_peak_share(Bench& b, const std::string& name, const std::vector<double>& steps_per_s,
                    const std::vector<double>& peak_per_s, double step_flops);

// Measures such training on all cores, a model each, in half of the bench's repetitions:
// model-epochs/s, where `samples` make an epoch.
std::function<std::vector<double>()> epoch_rates(const Bench& b, Build build, int64_t batch,
                                                 Precision precision,
                                                 const DataTable& data = random_images(),
                                                 double samples = kSamples);

}  // namespace omni::bench
