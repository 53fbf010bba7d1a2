// A toy problem for the lab's tests: points around class centres, a small MLP, Adam.
#pragma once

#include <cmath>

#include "lab/trial.h"
#include "lab/worker.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"

namespace omni::testing {

inline constexpr int64_t kToyFeatures = 6, kToyTrain = 100, kToyTest = 40;
inline constexpr int kToyClasses = 3;

inline Split toy_split(int64_t count, Key key) {
  Split s{Samples(SampleType::f32, count, kToyFeatures), {}};
  Stream stream(key);
  for (int64_t i = 0; i < count; ++i) {
    s.y.push_back(static_cast<int32_t>(i % kToyClasses));
    for (int64_t f = 0; f < kToyFeatures; ++f)
      s.x.f32()[i * kToyFeatures + f] =
          static_cast<float>(0.5 * stream.normal() + (f % kToyClasses == i % kToyClasses ? 1 : 0));
  }
  return s;
}

inline Dataset toy_data() {
  Dataset d;
  d.name = d.requested = "toy";
  d.source = "generated";
  d.shape = {kToyFeatures};
  d.classes = kToyClasses;
  d.train = toy_split(kToyTrain, Key::of(1));
  d.test = toy_split(kToyTest, Key::of(2));
  d.hash = content_hash(d.train, d.test);
  return d;
}

inline Value toy_logits(Net& net, Value x) { return mlp(net, x, {16, kToyClasses}); }

inline Ensemble toy_model(Trial& t, const char* arm = "init") {
  return t.init(toy_logits, {kToyFeatures}, t.key().fold(arm));
}

// 100 samples in batches of 32: a short last batch of 4.
inline Training toy_training(const Trial& t, const Ensemble& start, double lr = 0.01) {
  Training p;
  p.name = "toy";
  p.start = &start;
  p.build = [](Step& s) {
    Net net = s.net("model");
    const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  };
  p.samples = kToyTrain;
  p.batch = 32;
  p.epochs = 5;
  p.order = t.key().fold("order");
  p.random = t.key().fold("random");
  p.lr = [lr](int64_t, int64_t) { return lr; };
  return p;
}

inline void toy_test(Step& s) {
  Net net = s.net("model");
  s.graph().result("accuracy", accuracy(toy_logits(net, s.rows("test.x")), s.rows("test.y")));
}

inline Probe toy_probe(std::vector<int64_t> at) {
  return {.build = toy_test, .rows = kToyTest, .at = std::move(at)};
}

inline double toy_accuracy(Trial& t, const Ensemble& model) {
  return t.evaluate(toy_test, kToyTest, {{"model", &model}}).at("accuracy")[0];
}

// A worker on the toy problem, and its trial of one seed.
struct ToyBench {
  explicit ToyBench(WorkerOptions options = {}, int64_t seed = 0) : worker(with_data(options)) {
    worker.begin(seed);
    record.seed = seed;
    trial.emplace(worker, seed, "", record);
  }
  WorkerOptions with_data(WorkerOptions o) {
    o.data = &data;
    o.advanced = [this, told = o.advanced](const Amount& done) {
      epochs += done.model_epochs;
      if (told) told(done);
    };
    return o;
  }
  Trained train(double lr = 0.01) {
    const Ensemble start = toy_model(*trial);
    return trial->train(toy_training(*trial, start, lr));
  }

  Dataset data = toy_data();
  Worker worker;
  SeedRecord record;
  std::optional<Trial> trial;
  double epochs = 0;
};

}  // namespace omni::testing
