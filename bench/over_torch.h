// Training steps against PyTorch's best arrangement of the same.
#pragma once

#include <functional>
#include <string>

#include "bench/figures.h"
#include "bench/peers.h"
#include "bench/sides.h"

namespace omni::bench {

// Adds the figure `name`: our rate, measured before and after the peer's, over that of the script's
// fastest arrangement, which `peer_text` describes. Missed, with the reason, where PyTorch is not.
void over_torch_best(Bench& b, const std::string& name, double target, TrainingSide& training,
                     const std::string& script, int64_t batch,
                     const std::function<std::string(const PeerRate&)>& peer_text);

}  // namespace omni::bench
