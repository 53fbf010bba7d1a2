// What a run takes, known before it starts: its graphs and how often each of them runs, counted by
// a dry run, and the rate at which the largest of them are seen to run on this machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/program.h"
#include "graph/graph.h"

namespace omni {

// What a run does, or some of it: passes of one model over its data, and all that is computed.
struct Amount {
  double model_epochs = 0, matmul_flops = 0;
};
inline Amount operator*(double share, const Amount& a) {
  return {share * a.model_epochs, share * a.matmul_flops};
}

// Graphs to be run, equal ones counted together.
class Work {
 public:
  void add(std::shared_ptr<const Graph> graph, double runs);
  void add(const Work& other);
  double matmul_flops() const;

  struct Item {
    std::shared_ptr<const Graph> graph;
    double runs = 0, flops = 0;  // per run
    double total() const { return runs * flops; }
  };
  const std::map<uint64_t, Item>& items() const { return items_; }

 private:
  std::map<uint64_t, Item> items_;
};

// How fast this machine does some work: graphs that make up most of its FLOPs are planned and run a
// few times on zeros, by one thread. What would take many seconds is taken to run at a usual rate.
struct Speed {
  double flops_per_s = 0;  // of matrix products, everything else of the graphs included
  double planning_s = 0;   // of all its graphs
};
Speed measure_speed(const Work& work, Precision precision);

// The time until the last of these jobs is done, taken in order by workers as they become free.
double makespan(const std::vector<double>& jobs_s, int workers);

}  // namespace omni
