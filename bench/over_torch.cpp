#include "bench/over_torch.h"

#include "base/error.h"

namespace omni::bench {

void over_torch_best(Bench& b, const std::string& name, double target, TrainingSide& training,
                     const std::string& script, int64_t batch,
                     const std::function<std::string(const PeerRate&)>& peer_text) {
  const auto miss = [&](const std::string& why) {
    b.add({name, {}, "ratio", target, false, why});
  };
  if (const std::string missing = peers_missing(); !missing.empty()) return miss(missing);
  std::vector<double> ours;
  const auto run_ours = [&] {
    const Side side[] = {training.side()};
    const Rates rates = alternate(side, (b.repetitions + 1) / 2, b.window_s(), b.warm_up_s());
    for (const double r : rates[0]) ours.push_back(r * static_cast<double>(batch) / kSamples);
  };
  try {
    run_ours();
    const PeerAnswer torch = ask_peer(script, batch);
    run_ours();
    const PeerRate& peer = torch.best();
    for (double& r : ours) r /= peer.model_epochs_per_s;
    b.add_ratio(name, ours, target, fmt::format("PyTorch {}: {}", torch.version, peer_text(peer)));
  } catch (const UserError& e) {
    miss(e.what());
  }
}

}  // namespace omni::bench
