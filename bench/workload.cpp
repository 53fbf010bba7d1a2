#include "bench/workload.h"

#include <algorithm>

#include "executors/cpu/session.h"
#include "lab/sets.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "nn/transformer.h"
#include "ops/shape_ops.h"

namespace omni::bench {
namespace {

Dataset make_random_images() {
  Dataset d;
  d.name = "random";
  d.shape = {28, 28};
  d.train.x = Samples(SampleType::u8, kSamples, kPixels);
  d.train.y.resize(kSamples);
  const uint64_t key = Key::of(0).fold("images").bits;
  const auto pixels = d.train.x.u8();
  for (size_t i = 0; i < pixels.size(); i += 16) {
    const auto words = philox(key, static_cast<uint32_t>(i), 0, 0, 0);
    std::copy_n(reinterpret_cast<const uint8_t*>(words.data()), 16, pixels.data() + i);
  }
  Stream labels(Key::of(0).fold("labels"));
  for (int32_t& y : d.train.y) y = static_cast<int32_t>(labels.below(kClasses));
  return d;
}

Parameters train_with_adam(Step& s, const Net& net, Value logits) {
  const Value loss = cross_entropy(logits, s.rows("train.y"));
  s.graph().result("loss", loss);
  const Applied applied = apply(Adam{}, net, loss, s.lr());
  return {net.parameters(), applied.state};
}

}  // namespace

const DataTable& random_images() {
  static const Dataset images = make_random_images();
  static const DataTable tables = tables_of(images);
  return tables;
}

Parameters mlp_step(Step& s) {
  Net net = s.net("model");
  const Value x = flatten(s.rows("train.x")) * (1.0 / 255);
  return train_with_adam(s, net, mlp(net, x, {256, 256, kClasses}));
}

Parameters convnet_step(Step& s) {
  Net net = s.net("model");
  const Value x = reshape(s.rows("train.x"), {s.batch(), 28, 28, 1}) * (1.0 / 255);
  return train_with_adam(s, net, small_convnet(net, x, kClasses));
}

const DataTable& random_text() {
  static const std::vector<int32_t> words = [] {
    std::vector<int32_t> w(kTextRows * kTokens + 1);
    Stream random(Key::of(0).fold("words"));
    for (int32_t& x : w) x = static_cast<int32_t>(random.below(kVocabulary));
    return w;
  }();
  static const std::vector<float> ones(kTextRows * kTokens, 1.f);
  const auto rows = [](DType t, const void* data) {
    return Table{{t, {kTextRows, kTokens}}, data, "random"};
  };
  static const DataTable tables = {{"text.x", rows(DType::i32, words.data())},
                                   {"text.y", rows(DType::i32, words.data() + 1)},
                                   {"text.weight", rows(DType::f32, ones.data())}};
  return tables;
}

namespace {

Parameters step_of_language(Step& s, bool recompute) {
  Net net = s.net("model");
  TransformerOptions o;
  o.vocabulary = kVocabulary;
  o.context = kTokens;
  o.layers = o.heads = 4;
  o.width = 128;
  o.tied = true;
  o.recompute = recompute;
  const Value loss = next_token_loss(transformer(net, s.rows("text.x"), o), s.rows("text.y"),
                                     s.rows("text.weight"));
  s.graph().result("loss", loss);
  const Applied applied = apply(AdamW{}, net, loss, s.lr());
  return {net.parameters(), applied.state};
}

}  // namespace

Parameters language_step(Step& s) { return step_of_language(s, false); }
Parameters recomputed_language_step(Step& s) { return step_of_language(s, true); }

Models::Models(const Parameters& p, int64_t count)
    : weights(p.weights, count), state(p.state, count) {
  weights.initialise(0, Key::of(0).fold("init"));
  state.initialise(0, Key{});
  for (int64_t m = 1; m < count; ++m) {
    weights.copy(m, weights[0]);
    state.copy(m, state[0]);
  }
}

Trainer::Trainer(Build build, int64_t batch, Precision precision, int threads,
                 const DataTable& data)
    : precision_(precision) {
  int64_t samples = 0;
  for (const auto& [name, array] : data) samples = std::max(samples, array.type.shape[0]);
  Step s(*graph_, batch, data);
  parameters_ = build(s);
  const int64_t whole = samples / batch * batch;  // epochs without a short last batch
  session_ = make_cpu_executor({precision, {}, threads})
                 ->open({{{"step", graph_, nullptr, whole, batch, "loss", 0}}});
  give(*session_, data, {});
}

void Trainer::take(const Models& models, int64_t model) {
  write(*session_, "model", models.weights[model]);
  write(*session_, "model.opt", models.state[model]);
  const Key order = Key::of(0).fold("order");
  session_->start({.programs = {{order, {}, {static_cast<float>(kLearningRate)}}}, .at = {}});
}

void Trainer::put_back(Models& models, int64_t model) const {
  models.weights.copy(model, read(*session_, "model", parameters_.weights)[0]);
  models.state.copy(model, read(*session_, "model.opt", parameters_.state)[0]);
}

void Trainer::step() {
  const Turn step;
  session_->rounds({&step, 1}, 1);
  const Standing& at = session_->standing();
  check(!at.diverged_at, "a timed model diverged at step {}", at.diverged_at.value_or(0));
}

}  // namespace omni::bench
