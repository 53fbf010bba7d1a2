// PyTorch's side of the comparison: scripts in bench/peers, run one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace omni::bench {

struct PeerRate {
  std::string arrangement;  // "stacked", "one-process", "process-per-core"
  std::string detail;       // "32 models", "onednn, channels last", or nothing
  double model_epochs_per_s;
};

struct PeerAnswer {
  std::string version;
  std::vector<PeerRate> rates;  // at least one

  // The fastest among those whose arrangement `counts`.
  const PeerRate& best(const std::function<bool(const PeerRate&)>& counts) const;
  const PeerRate& best() const;
};

// Why the peers cannot run here, or nothing.
std::string peers_missing();

// Runs bench/peers/<script> for one batch size. UserError, with its last words, if it fails.
PeerAnswer ask_peer(const std::string& script, int64_t batch);

}  // namespace omni::bench
