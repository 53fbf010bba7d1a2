// PyTorch's and JAX's side of the comparison: bench/peers/search.py finds each peer's best
// arrangement.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "engine/precision.h"

namespace omni::bench {

// One of bench/peers/workloads.py.
struct PeerJob {
  std::string workload;  // "mlp", "mnist1d", "conv", "language"
  int64_t batch = 0;
  Precision precision = Precision::f32;
  double samples = 0;  // of an epoch
};

// Adds "WORKLOAD.over_best_peer.NAME": our rate, measured right before and after the peers', over
// that of the fastest peer in its fastest arrangement, which the note names; and for each peer
// "WORKLOAD.PEER.NAME", its rate. `our_rates` measures ours in model-epochs/s. Missed, with the
// reason, where there is no peer.
void compare_with_peers(Bench& b, const std::string& name, const PeerJob& job, double target,
                        const std::function<std::vector<double>()>& our_rates);

}  // namespace omni::bench
