// Training steps as sides of a comparison.
#pragma once

#include <atomic>
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

// Takes one resident model after another through a short phase of training, with a program per
// worker.
class RoundRobin {
 public:
  RoundRobin(Build build, int64_t batch, int workers, int64_t models);
  Side side();  // of phases
  static constexpr int64_t kPhaseSteps = 100;

 private:
  std::deque<Trainer> trainers_;
  Models models_;
  std::atomic<int64_t> next_ = 0;
};

}  // namespace omni::bench
