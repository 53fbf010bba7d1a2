#include "lab/self_check.h"

#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/random.h"
#include "lab/worker.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/noise.h"
#include "nn/optimizers.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr int64_t kSamples = 2100, kBatch = 512, kSide = 12, kClasses = 10;
constexpr int64_t kEpochs = 3, kForkAt = 7;

// Noise with labels by chance: nothing is learned but by heart, and that uses every kernel.
Dataset noise() {
  Dataset data;
  data.name = "noise";
  data.shape = {kSide, kSide};
  Stream random(Key::of(0).fold("self-test"));
  for (Split* split : {&data.train, &data.test}) {
    split->x = Samples(SampleType::f32, kSamples, kSide * kSide);
    for (float& x : split->x.f32()) x = static_cast<float>(random.normal());
    split->y.resize(kSamples);
    for (int32_t& y : split->y) y = static_cast<int32_t>(random.below(kClasses));
  }
  return data;
}

Value convnet(Net& net, Value x) {
  return small_convnet(net, reshape(x, {x.dim(0), kSide, kSide, 1}), kClasses,
                       {.channels = {8, 16}});
}

using Hidden = std::function<Value(Value)>;
Value perceptron(Net& net, Value x, const Hidden& drop) {
  const Value h = layer_norm(net, "norm", linear(net, "first", flatten(x), 96));
  return linear(net, "last", drop(gelu(h)), kClasses);
}

struct Network {
  const char* name;
  Precision precision;
  bool convolutional;
};

struct Way {
  const char* name;
  int threads;
  bool after_a_neighbour;
  int64_t fork_at;
};

uint64_t train(Worker& worker, const Network& network, int64_t seed) {
  worker.begin(seed);
  SeedRecord record;
  Trial trial(worker, seed, "", record);
  const Ensemble start = trial.init(
      [&](Net& net) {
        const Type images{DType::f32, Shape{1, kSide, kSide}, 0};
        const Value x = input(net.graph(), "x", images, Role::data);
        if (network.convolutional)
          convnet(net, x);
        else
          perceptron(net, x, std::identity());
      },
      trial.key().fold("init"));
  Training phase;
  phase.name = network.name;
  phase.start = &start;
  phase.build = [&](Step& s) {
    Net net = s.net("model");
    const Value x = s.rows("train.x");
    const auto drop = [&](Value h) {
      return dropout(h, 0.1, s.key(), convert(s.step(), DType::i32), s.index(), "dropout");
    };
    const Value loss =
        cross_entropy(network.convolutional ? convnet(net, x) : perceptron(net, x, drop),
                      s.rows("train.y"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  };
  phase.samples = kSamples;
  phase.batch = kBatch;
  phase.epochs = kEpochs;
  phase.order = trial.key().fold("order");
  phase.random = trial.key().fold("random");
  phase.lr = [](int64_t, int64_t) { return 1e-3; };
  return weights_hash(trial.train(phase).model[0]);
}

uint64_t train(const Dataset& data, const Network& network, const Way& way) {
  WorkerOptions options;
  options.data = &data;
  options.precision = network.precision;
  options.threads = way.threads;
  options.fork_at = way.fork_at;
  Worker worker(options);
  if (way.after_a_neighbour) train(worker, network, 1);
  return train(worker, network, 0);
}

SelfTest test(const Dataset& data, const Network& network) {
  SelfTest result;
  result.name = network.name;
  const auto begin = std::chrono::steady_clock::now();
  result.hash = train(data, network, {"alone", 1, false, 0});
  for (const Way& way : {Way{"on two threads", 2, false, 0}, {"after a neighbour", 1, true, 0},
                         {"interrupted and continued", 1, false, kForkAt}})
    if (const uint64_t hash = train(data, network, way); hash != result.hash)
      result.problem += fmt::format("{}{} {:016x}", result.problem.empty() ? "" : ", ", way.name,
                                    hash);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace

std::vector<SelfTest> self_test(DType bf16_storage) {
  const Dataset data = noise();
  std::vector<SelfTest> results;
  const bool narrow = bf16_storage == DType::bf16;
  for (const Network& network : {Network{"mlp f32", Precision::f32, false},
                                 {narrow ? "mlp bf16" : "mlp rounded", Precision::bf16, false},
                                 {"convnet f32", Precision::f32, true}})
    results.push_back(test(data, network));
  return results;
}

}  // namespace omni
