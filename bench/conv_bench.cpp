// A small ConvNet, 1-16-32 channels, batch 128, Adam: against its oneDNN primitives alone, and
// against PyTorch, which uses the same oneDNN.
#include <deque>

#include "bench/benches.h"
#include "bench/onednn.h"
#include "bench/peers.h"
#include "bench/sides.h"

namespace omni::bench {
namespace {

constexpr int64_t kBatch = 128;

struct PrimitivesOnly {
  std::deque<ConvNetStep> steps;

  PrimitivesOnly(int workers, bool with_pooling) {
    for (int w = 0; w < workers; ++w) steps.emplace_back(kBatch, with_pooling);
  }
  Side side() {
    return {static_cast<int>(steps.size()), [this](int worker) { steps[worker].run(); }};
  }
};

void over_torch(Bench& b, TrainingSide& training) {
  constexpr double kTarget = 1.5;
  const char* name = "conv.over_torch_best.f32.b128";
  const auto miss = [&](const std::string& why) {
    b.add({name, {}, "ratio", kTarget, false, why});
  };
  if (const std::string missing = peers_missing(); !missing.empty()) return miss(missing);
  std::vector<double> ours;
  const auto run_ours = [&] {
    const Side side[] = {training.side()};
    const Rates rates = alternate(side, (b.repetitions + 1) / 2, b.window_s(), b.warm_up_s());
    for (const double r : rates[0]) ours.push_back(r * static_cast<double>(kBatch) / kSamples);
  };
  try {
    run_ours();
    const PeerAnswer torch = ask_peer("torch_conv.py", kBatch);
    run_ours();
    const PeerRate& peer = torch.best();
    for (double& r : ours) r /= peer.model_epochs_per_s;
    b.add_ratio(name, ours, kTarget,
                fmt::format("PyTorch {}: {} ({}), {:.3f} model-epochs/s", torch.version,
                            peer.arrangement, peer.detail, peer.model_epochs_per_s));
  } catch (const UserError& e) {
    miss(e.what());
  }
}

}  // namespace

void convnet(Bench& b) {
  TrainingSide training(convnet_step, kBatch, Precision::f32, b.cores);
  PrimitivesOnly bare(b.cores, false), pooled(b.cores, true);
  const Side sides[] = {training.side(), bare.side(), pooled.side()};
  const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
  b.add_ratio("conv.primitive_share.f32.b128", quotients(rates[0], rates[1]), 0.6,
              "of convolutions and matrix products, each in its best layout");
  b.add_ratio("conv.share_with_pooling.f32.b128", quotients(rates[0], rates[2]), {},
              "of the same and oneDNN's pooling");
  b.add_rate("conv.rate.f32.b128", rates[0], kBatch);
  if (!b.quick) over_torch(b, training);
}

}  // namespace omni::bench
