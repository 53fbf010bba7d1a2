// A small ConvNet, 1-16-32 channels, batch 128, Adam: against its oneDNN primitives alone, and
// against PyTorch, which uses oneDNN too, and JAX.
#include <deque>

#include "bench/benches.h"
#include "bench/onednn.h"
#include "bench/peers.h"
#include "bench/sides.h"
#include "engine/flops.h"

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

}  // namespace

void convnet(Bench& b) {
  TrainingSide training(convnet_step, kBatch, Precision::f32, b.cores);
  PrimitivesOnly bare(b.cores, false), pooled(b.cores, true);
  const Side sides[] = {training.side(), bare.side(), pooled.side(), multiply_adds(b.cores)};
  const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
  b.add_ratio("conv.primitive_share.f32.b128", quotients(rates[0], rates[1]), 0.6,
              "of convolutions and matrix products, each in its best layout");
  b.add_ratio("conv.share_with_pooling.f32.b128", quotients(rates[0], rates[2]), {},
              "of the same and oneDNN's pooling");
  add_peak_share(b, "conv.peak_share.f32.b128", rates[0], rates[3], matmul_flops(training.graph()));
  b.add_rate("conv.rate.f32.b128", rates[0], kBatch);
}

void conv_peers(Bench& b) {
  compare_with_peers(b, "f32.b128", {"conv", kBatch, Precision::f32, kSamples}, 2.3,
                     epoch_rates(b, convnet_step, kBatch, Precision::f32));
}

}  // namespace omni::bench
