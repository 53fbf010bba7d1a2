// A model's bits depend on its own key alone: not on threads, neighbours, order, passes or luck.
#include <gtest/gtest.h>

#include "engine/passes.h"
#include "executors/cpu/program.h"
#include "graph/interpreter.h"
#include "lab/test_support.h"
#include "nn/transformer.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

struct Setting {
  Precision precision = Precision::f32;
  int threads = 1;
  std::set<std::string> off = {};
  int64_t batch = 32;
};

Worker worker_of(const Dataset& data, const Setting& s) {
  WorkerOptions o;
  o.data = &data;
  o.precision = s.precision;
  o.passes_off = s.off;
  o.threads = s.threads;
  return Worker(o);
}

uint64_t trained_hash(Worker& worker, int64_t seed, int64_t batch = 32) {
  worker.begin(seed);
  SeedRecord record;
  Trial t(worker, seed, "", record);
  const Ensemble start = toy_model(t);
  Training p = toy_training(t, start);
  p.batch = batch;
  return weights_hash(t.train(p).model[0]);
}

uint64_t alone(const Setting& s, int64_t seed = 3) {
  const Dataset data = toy_data();
  Worker worker = worker_of(data, s);
  return trained_hash(worker, seed, s.batch);
}

class Determinism : public ::testing::TestWithParam<Precision> {};

TEST_P(Determinism, AgainAndWithAnotherSeed) {
  EXPECT_EQ(alone({GetParam()}), alone({GetParam()}));
  EXPECT_NE(alone({GetParam()}, 3), alone({GetParam()}, 4));
}

TEST_P(Determinism, AloneOrAmongOthers) {
  const Dataset data = toy_data();
  Worker worker = worker_of(data, {GetParam()});
  std::map<int64_t, uint64_t> forward;
  for (int64_t seed = 0; seed < 8; ++seed) forward[seed] = trained_hash(worker, seed);
  for (int64_t seed = 7; seed >= 0; --seed) EXPECT_EQ(trained_hash(worker, seed), forward[seed]);
  EXPECT_EQ(forward[3], alone({GetParam()}));
}

TEST_P(Determinism, OnAnyNumberOfThreads) {
  for (const int threads : {2, 3}) {
    EXPECT_EQ(alone({GetParam(), threads}), alone({GetParam()}));
    EXPECT_EQ(alone({GetParam(), threads, {}, 100}), alone({GetParam(), 1, {}, 100}));
  }
}

TEST_P(Determinism, WithoutAnyPass) {
  std::set<std::string> all;
  for (const PassInfo& p : passes()) {
    if (!(GetParam() == Precision::f32 ? p.keeps_bits : p.keeps_bits_bf16)) continue;
    EXPECT_EQ(alone({GetParam(), 1, {p.name}}), alone({GetParam()})) << p.name;
    all.insert(p.name);
  }
  EXPECT_EQ(alone({GetParam(), 1, all}), alone({GetParam()}));
}

// Rows of tokens in several slices, a loss whose normaliser is a sum over all of them.
TEST_P(Determinism, LanguageModelsOnAnyNumberOfThreads) {
  constexpr int64_t kRows = 36, kLength = 64, kWords = 512;
  const auto trained = [&](int threads, const std::set<std::string>& off) {
    const Dataset data = toy_data();
    Worker worker = worker_of(data, {GetParam(), threads, off});
    worker.begin(0);
    SeedRecord record;
    Trial t(worker, 0, "", record);
    Stream random(Key::of(7));
    std::vector<int32_t> words(kRows * kLength);
    for (int32_t& w : words) w = static_cast<int32_t>(random.below(kWords));
    std::vector<float> weights(words.size(), 1.f);
    weights[3] = weights[700] = 0;
    t.add_table("text", std::move(words), {kRows, kLength});
    t.add_table("weights", std::move(weights), {kRows, kLength});
    TransformerOptions o;
    o.vocabulary = kWords;
    o.context = kLength;
    o.layers = o.heads = 2;
    o.width = 16;
    const Ensemble start = t.init(
        [&](Net& net) {
          transformer(net, input(net.graph(), "x", {DType::i32, {1, kLength}, 0}, Role::data), o);
        },
        t.key().fold("init"));
    Training p;
    p.name = "words";
    p.start = &start;
    p.build = [&](Step& s) {
      Net net = s.net("model");
      const Value loss =
          next_token_loss(transformer(net, s.rows("text"), o), s.rows("text"), s.rows("weights"));
      s.graph().result("loss", loss);
      apply(AdamW{}, net, loss, s.lr());
    };
    p.samples = p.batch = kRows;
    p.epochs = 3;
    p.lr = [](int64_t, int64_t) { return 0.01; };
    Graph graph;
    Step step(graph, kRows, t.tables());
    p.build(step);
    EXPECT_GT(Program(graph, {GetParam(), off, threads}).slices(), 2);
    return weights_hash(t.train(p).model[0]);
  };
  const uint64_t once = trained(1, {});
  for (const int threads : {2, 3}) EXPECT_EQ(trained(threads, {}), once) << threads;
  std::set<std::string> all;
  for (const PassInfo& p : passes())
    if (GetParam() == Precision::f32 ? p.keeps_bits : p.keeps_bits_bf16) all.insert(p.name);
  EXPECT_EQ(trained(1, all), once);
}

INSTANTIATE_TEST_SUITE_P(Precisions, Determinism,
                         ::testing::Values(Precision::f32, Precision::bf16));

TEST(Determinism, PrecisionsDiffer) {
  EXPECT_NE(alone({Precision::f32}), alone({Precision::bf16}));
}

// The step itself, so that equal bits are also right ones.
TEST(TrainingStep, MeansWhatTheInterpreterSays) {
  const Dataset data = toy_data();
  const DataTable tables = tables_of(data);
  Graph g;
  Step step(g, 32, tables);
  Worker worker({});
  SeedRecord record;
  Trial trial(worker, 0, "", record);
  const Ensemble model = toy_model(trial);
  toy_training(trial, model).build(step);

  RefInputs inputs;
  std::map<std::string, std::vector<float>> floats;
  std::vector<int32_t> index(32);
  for (int i = 0; i < 32; ++i) index[i] = 3 * i;
  Program p(g);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    RefArray& a = inputs[n.name] = {n.type, {}};
    if (n.name == "index") {
      a.v.assign(index.begin(), index.end());
      p.bind(n.name, index.data());
    } else if (n.name == "train.y") {
      a.v.assign(data.train.y.begin(), data.train.y.end());
      p.bind(n.name, data.train.y.data());
    } else {
      std::vector<float>& v = floats[n.name];
      if (n.name == "train.x") {
        v.assign(data.train.x.f32().begin(), data.train.x.f32().end());
      } else if (n.name.starts_with("model/")) {
        const auto w = model.array(n.name.substr(6), 0);
        v.assign(w.begin(), w.end());
      } else {
        v.assign(n.type.count(), n.name == "step" ? 1.f : n.name == "lr" ? 0.01f : 0.f);
      }
      a.v.assign(v.begin(), v.end());
      p.bind(n.name, v.data());
    }
  }
  p.run();
  const auto wanted = interpret(g, inputs);
  for (const Output& o : g.outputs()) {
    const std::vector<double>& w = wanted[o.id].v;
    for (size_t i = 0; i < w.size(); ++i) {
      EXPECT_NEAR(o.update ? floats.at(o.name)[i] : p.result(o.name)[i], w[i], 2e-5) << o.name;
    }
  }
}

}  // namespace
}  // namespace omni
