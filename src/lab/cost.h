// What a run takes, known before it starts: its graphs and how often each of them runs, counted by
// a dry run, and the time that a typical core takes for so much.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "graph/graph.h"

namespace omni {

// What a run does, or some of it: passes of one model over its data, and all that is computed.
struct Amount {
  double model_epochs = 0, matmul_flops = 0;
};
inline Amount operator*(double share, const Amount& a) {
  return {share * a.model_epochs, share * a.matmul_flops};
}

// What computing comes to, on any machine.
struct Load {
  double matmul_flops = 0;
  double bytes = 0;  // that ops write, before any are fused
  bool operator==(const Load&) const = default;
};
inline Load operator+(const Load& a, const Load& b) {
  return {a.matmul_flops + b.matmul_flops, a.bytes + b.bytes};
}

Load load_of_run(const Graph& g);  // one run of it; counted once per graph

// Graphs to be run, equal ones counted together.
class Work {
 public:
  void add(std::shared_ptr<const Graph> graph, double runs);
  void add(const Work& other);
  double matmul_flops() const { return load().matmul_flops; }
  Load load() const;

  struct Item {
    std::shared_ptr<const Graph> graph;
    double runs = 0;
    Load run;  // of each
    double total() const { return runs * run.matmul_flops; }
  };
  const std::map<uint64_t, Item>& items() const { return items_; }

 private:
  std::map<uint64_t, Item> items_;
};

// One seed of an experiment.
struct Count {
  double model_epochs = 0;
  double graphs = 0;       // different ones, each planned once by every worker
  std::vector<Load> jobs;  // what workers take one of at a time: the seed, or each of its parts
  bool operator==(const Count&) const = default;
};

// What a thread of the usual executor takes in f32, on a core with the same instructions as this
// one (lab/executor_kinds.h).
double typical_seconds(const Load& load);
double typical_planning_seconds(double graphs);

// The time until all of these seeds are done, by workers that share so many threads, on a machine
// where everything takes `slowness` times as long as is typical.
double estimated_seconds(const Count& seed, int64_t seeds, int threads, double slowness = 1);

}  // namespace omni
