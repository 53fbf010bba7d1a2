// Training steps as sides of a comparison.
#pragma once

#include <deque>

#include "bench/measure.h"
#include "bench/workload.h"

namespace omni::bench {

// One model per worker, each trained on and on.
class TrainingSide {
 public:
  TrainingSide(Build build, int64_t batch, Precision precision, int workers, int threads = 1,
               const DataTable& data = random_images());
  Side side();           // of training steps; must not outlive this object
  Program& program() { return trainers_.front().program(); }
  int64_t slice_rows();  // rows of the batch that the engine works on at once

 private:
  int64_t batch_;
  std::deque<Trainer> trainers_;
  std::deque<Models> models_;
};

}  // namespace omni::bench
