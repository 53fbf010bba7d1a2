// Hundreds of models in seconds: 256 MLPs 40-100-100-10 learn MNIST-1D for 10 epochs each, run by
// the lab's own loop, from compiling their programs to the last weight.
#include <atomic>
#include <chrono>
#include <thread>

#include "bench/benches.h"
#include "bench/measure.h"
#include "bench/peers.h"
#include "bench/sides.h"
#include "data/mnist1d.h"
#include "lab/trial.h"
#include "lab/worker.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"

namespace omni::bench {
namespace {

constexpr int64_t kModels = 256, kTrainSamples = 4000, kBatch = 100, kEpochs = 10;
constexpr int64_t kPlaces = 40, kWidth = 100;

Value logits(Net& net, Value x) { return mlp(net, x, {kWidth, kWidth, kClasses}); }

void train_seed(Worker& worker, int64_t seed) {
  SeedRecord record;
  worker.begin(seed);
  Trial t(worker, seed, "", record);
  const Ensemble start = t.init(
      [](Net& net) {
        logits(net, input(net.graph(), "x", {DType::f32, {1, kPlaces}, 0}, Role::data));
      },
      t.key().fold("init"));
  Training p;
  p.name = "train";
  p.start = &start;
  p.samples = kTrainSamples;
  p.batch = kBatch;
  p.epochs = kEpochs;
  p.order = t.key().fold("order");
  p.lr = [](int64_t, int64_t) { return 1e-2; };
  p.build = [](Step& s) {
    Net net = s.net("model");
    const Value loss = cross_entropy(logits(net, s.rows("train.x")), s.rows("train.y"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  };
  t.train(p);
  worker.end();
}

double train_all(const Dataset& data, int workers) {
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<int64_t> next = 0;
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < workers; ++w)
      threads.emplace_back([&] {
        WorkerOptions options;
        options.data = &data;
        Worker worker(options);
        for (int64_t seed = next++; seed < kModels; seed = next++) train_seed(worker, seed);
      });
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

void ensemble(Bench& b) {
  const Dataset data = mnist1d(Key::of(0), kTrainSamples, 1000);
  const int times = b.quick ? 1 : b.repetitions;
  if (!b.quick) train_all(data, b.cores);
  std::vector<double> seconds, steps_per_s, peak_per_s;
  const Side peak[] = {multiply_adds(b.cores)};
  for (int r = 0; r < times; ++r) {
    seconds.push_back(train_all(data, b.cores));
    steps_per_s.push_back(kModels * kEpochs * (kTrainSamples / kBatch) / seconds.back());
    peak_per_s.push_back(alternate(peak, 1, b.window_s(), 0).front().front());
  }
  b.add({"mnist1d.256_models", median(seconds), "s", 10, true,
         fmt::format("10 epochs of 4,000 samples, batch 100, on {} cores; median of {}", b.cores,
                     times)});
  b.add({"mnist1d.rate",
         kModels * kEpochs / median(seconds),
         "model-epochs/s",
         {},
         false,
         "epochs of 4,000 samples"});
  // Forward, weight gradients and, but for the first layer, input gradients.
  constexpr double kWeights = kWidth * kWidth + kWidth * kClasses, kFirst = kPlaces * kWidth;
  add_peak_share(b, "mnist1d.peak_share", steps_per_s, peak_per_s,
                 2.0 * kBatch * (3 * kWeights + 2 * kFirst));
}

void ensemble_peers(Bench& b) {
  const Dataset data = mnist1d(Key::of(0), kTrainSamples, 1000);
  train_all(data, b.cores);
  compare_with_peers(b, "f32.b100", {"mnist1d", kBatch, Precision::f32, kTrainSamples}, 2, [&] {
    std::vector<double> rates;
    for (int r = 0; r < (b.repetitions + 1) / 2; ++r)
      rates.push_back(kModels * kEpochs / train_all(data, b.cores));
    return rates;
  });
}

}  // namespace omni::bench
