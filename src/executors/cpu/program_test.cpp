#include "executors/cpu/program.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>

#include "cpu/onednn.h"
#include "engine/flops.h"
#include "engine/passes.h"
#include "engine/precision.h"
#include "engine/testing.h"
#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "ops/conv.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/matmul.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using testing::f32;
using testing::parameter;

TEST(Program, SaysWhatIsWrong) {
  Graph g;
  g.result("y", f32(g, "x", {2}) * 2.0);
  Program p(g);
  EXPECT_THROW(p.run(), Bug);  // x is not bound
  EXPECT_EQ(p.unbound(), std::vector<std::string>{"x"});
  const float x[] = {1, 2};
  EXPECT_THROW(p.bind("z", x), Bug);
  EXPECT_THROW(p.result("z"), Bug);
  EXPECT_THROW(p.result<double>("y"), Bug);
  EXPECT_FALSE(p.has_input("z"));
  p.bind("x", x);
  p.run();
  EXPECT_EQ(p.result("y")[1], 4);
  p.unbind();
  EXPECT_THROW(p.run(), Bug);
  EXPECT_THROW(Program(g, {Precision::f32, {"no-such-pass"}, 1}), UserError);
  Graph bytes;
  bytes.result("y", input(bytes, "x", {DType::u8, {2}}, Role::data));
  EXPECT_THROW(Program{bytes}, UserError);
}

TEST(Program, CopiesResultsWhereAsked) {
  Graph g;
  const Value x = f32(g, "x", {3});
  g.result("y", x * 2.0);
  g.result("best", arg_max(x));
  Program p(g);
  const float data[] = {1, 5, 2};
  p.bind("x", data);
  std::vector<float> y(4, -1);
  int32_t best = -1;
  p.bind_result("y", y.data());
  p.bind_result("best", &best);
  p.run();
  EXPECT_EQ(y, (std::vector<float>{2, 10, 4, -1}));
  EXPECT_EQ(best, 1);
  EXPECT_EQ(p.result("y").data(), y.data());
  EXPECT_EQ(p.result<int32_t>("best")[0], 1);
}

// A layer under gradient descent on a fixed target.
struct Descent {
  static constexpr int64_t kIn = 8, kOut = 4, kRows = 16;
  explicit Descent(Graph& g, double rate) {
    const Value x = f32(g, "x", {kRows, kIn}, 0), w = parameter(g, "w", {kIn, kOut});
    const Value y = tanh(matmul(x, w));
    g.result("loss", mean(square(y - 0.5)));
    g.update(w, w - matmul(x, (y - 0.5) * (1 - square(y)), true) * rate);
  }
};

std::vector<float> filled(int64_t count, int salt) {
  std::vector<float> v(count);
  for (int64_t i = 0; i < count; ++i) v[i] = static_cast<float>(std::sin(0.3 * i + salt));
  return v;
}

class InPrecision : public ::testing::TestWithParam<ProgramOptions> {};

TEST_P(InPrecision, ModelsTakeTurnsOnOneProgram) {
  Graph g;
  Descent net(g, 0.1);
  const std::vector<float> x = filled(128, 0);
  const auto train = [&](Program& p, std::vector<float>& w, int steps) {
    p.bind("x", x.data());
    p.bind("w", w.data());
    p.refresh();
    for (int i = 0; i < steps; ++i) p.run();
  };
  std::vector<float> alone_a = filled(32, 1), alone_b = filled(32, 2), a = alone_a, b = alone_b;
  Program one(g, GetParam()), two(g, GetParam()), shared(g, GetParam());
  train(one, alone_a, 6);
  train(two, alone_b, 6);
  for (int turn = 0; turn < 3; ++turn) {
    train(shared, a, 2);
    train(shared, b, 2);
  }
  EXPECT_EQ(a, alone_a);
  EXPECT_EQ(b, alone_b);
  EXPECT_NE(a, b);
}

TEST_P(InPrecision, ProgramsTakeTurnsOnOneModel) {
  Graph fast, slow;
  Descent f(fast, 0.2), s(slow, 0.05);
  const std::vector<float> x = filled(128, 0);
  const auto run = [&](bool fresh_programs) {
    std::vector<float> w = filled(32, 1);
    Program pf(fast, GetParam()), ps(slow, GetParam());
    for (int i = 0; i < 6; ++i) {
      std::optional<Program> own;
      if (fresh_programs) own.emplace(i % 2 ? slow : fast, GetParam());
      Program& p = own ? *own : i % 2 ? ps : pf;
      p.bind("x", x.data());
      p.bind("w", w.data());
      p.refresh();  // the other program has changed w
      p.run();
    }
    return w;
  };
  EXPECT_EQ(run(false), run(true));
}

TEST_P(InPrecision, ChangesFromOutsideAreSeenAfterRefresh) {
  Graph g;
  const Value x = f32(g, "x", {2, 2}), w = parameter(g, "w", {2, 2});
  g.result("y", matmul(x, w));
  Program p(g, GetParam());
  const std::vector<float> data = {1, 0, 0, 1};
  std::vector<float> weights = {1, 2, 3, 4};
  p.bind("x", data.data());
  p.bind("w", weights.data());
  p.refresh();
  p.run();
  EXPECT_EQ(p.result("y")[3], 4);
  weights[3] = 8;
  p.refresh();
  p.run();
  EXPECT_EQ(p.result("y")[3], 8);
}

INSTANTIATE_TEST_SUITE_P(Precisions, InPrecision, ::testing::ValuesIn(testing::every_precision()));

TEST(Program, CountsNeededMatmulFlops) {
  Graph g;
  const Value x = f32(g, "x", {8, 4}, 0), w = parameter(g, "w", {4, 6});
  g.result("y", matmul(x, w));
  matmul(x, w * 2.0);  // nobody reads it
  EXPECT_EQ(matmul_flops(g), 2 * 8 * 4 * 6);
}

// --- bf16 precision ---

TEST(Bf16, ShadowsParametersAndKeepsMasters) {
  Graph from, g;
  Descent net(from, 0.1);
  simplify(from, g, cpu::limits().fold, {});
  separate_outputs(g);
  std::set<std::string> shadows;
  round_what_products_read(g, DType::bf16, shadows);
  update_shadows(g, DType::bf16, shadows);
  verify(g, "rounded");
  EXPECT_EQ(shadows, std::set<std::string>{"w"});
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    for (const int i : n.in)
      EXPECT_TRUE(!n.op->wants_bf16 || g.node(i).type.dtype == DType::bf16) << n.op->name;
    EXPECT_TRUE(!is_input(n) || n.name.ends_with("@bf16") || n.type.dtype == DType::f32);
  }
  for (const Output& o : g.outputs())
    EXPECT_EQ(g.node(o.id).type.dtype == DType::bf16, o.name == "w@bf16") << o.name;
}

TEST(Bf16, F32WordsAreRoundedAsStoredOnesAre) {
  Graph g, words;
  Descent net(g, 0.1);
  std::set<std::string> shadows;
  simplify(g, words, cpu::limits().fold, {});
  separate_outputs(words);
  round_what_products_read(words, DType::f32, shadows);
  for (int id = 0; id < words.size(); ++id) {
    const Node& n = words.node(id);
    EXPECT_EQ(n.type.dtype, DType::f32);
    for (const int i : n.in)
      EXPECT_TRUE(!n.op->wants_bf16 || words.node(i).op == &ops::round_to_bf16 ||
                  words.node(i).name.ends_with("@bf16"))
          << n.op->name;
  }
  RefInputs inputs;
  for (int id = 0; id < g.size(); ++id)
    if (const Node& n = g.node(id); is_input(n)) {
      const std::vector<float> numbers = filled(n.type.count(), id);
      inputs[n.name] = {n.type, {numbers.begin(), numbers.end()}};
    }
  testing::expect_words_mean_halves(g, inputs);
}

TEST(Bf16, RoundsWhatProductsReadAndAccumulatesInF32) {
  for (const ProgramOptions& o : testing::every_precision()) {
    Graph g;
    const Value x = f32(g, "x", {1, 4096}), w = parameter(g, "w", {4096, 1});
    g.result("y", matmul(x, w));
    Program p(g, o);
    std::vector<float> ones(4096, 1), weights(4096, 1 + 0x1p-7f);
    weights[7] = 1 + 0x1p-7f + 0x1p-10f;
    p.bind("x", ones.data());
    p.bind("w", weights.data());
    p.refresh();
    p.run();  // exact in f32; bf16 sums would stop at 256
    EXPECT_EQ(p.result("y")[0], 4096 + 32 + (o.precision == Precision::f32 ? 0x1p-10 : 0));
  }
}

// Cut into slices, a product in the tail reads the same parameter as the bodies.
TEST(Bf16, TailsAndBodiesShareShadows) {
  Graph g;
  const Value x = f32(g, "x", {600, 8}, 0), w = parameter(g, "w", {8, 8});
  const Value gradient = matmul(x, tanh(matmul(x, w)), true) * 1e-3;
  g.update(w, w - matmul(gradient, w) * 0.1);
  for (ProgramOptions o : testing::every_precision()) {
    Program sliced(g, o);
    ASSERT_GT(sliced.slices(), 1);
    o.passes_off = {"slice-batch"};
    Program whole(g, o);
    const std::vector<float> data = filled(4800, 3);
    std::vector<float> a = filled(64, 4), b = a;
    for (auto& [p, v] : {std::pair<Program*, std::vector<float>*>{&sliced, &a}, {&whole, &b}}) {
      p->bind("x", data.data());
      p->bind("w", v->data());
      p->refresh();
      for (int i = 0; i < 3; ++i) p->run();
    }
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 3e-3);
  }
}

// Two layers with a ReLU between them and gradients of their weights and the first one's bias. With
// `whole`, what the ReLU's mask chooses from is a result, too, and so stays f32.
struct TwoLayers {
  Graph g;
  std::map<std::string, std::vector<float>> data;

  TwoLayers(bool images, int64_t rows, int64_t in, int64_t hidden, int64_t out, bool whole) {
    const auto make = [&](const char* name, Shape shape, Role role, int batch = kNoBatch) {
      data[name] = filled(shape.count(), static_cast<int>(data.size()) + 1);
      return input(g, name, {DType::f32, std::move(shape), batch}, role);
    };
    const auto weight = [&](const char* name, int64_t from, int64_t to) {
      return make(name, images ? Shape{to, from, 3, 3} : Shape{from, to}, Role::parameter);
    };
    const auto layer = [&](Value v, Value w) {
      return images ? conv2d(v, w, {.padding = {1, 1}}) : matmul(v, w);
    };
    const Value x = make("x", images ? Shape{rows, 7, 6, in} : Shape{rows, in}, Role::data, 0);
    const Value w = weight("w", in, hidden), b = make("b", {hidden}, Role::parameter);
    const Value v = weight("v", hidden, out);
    const Value y = layer(relu(layer(x, w) + b), v);
    const std::vector<Value> from = {w, b, v};
    const std::vector<Value> d = gradients(sum(square(y)), from);
    for (size_t i = 0; i < d.size(); ++i) g.result(fmt::format("d{}", i), d[i]);
    for (int id = 0; whole && id < g.size(); ++id)
      if (g.node(id).op == &ops::where_positive)
        g.result("chosen from", g.value(g.node(id).in[1]));
  }

  std::vector<float> run() {
    Program p(g, testing::bf16_stored_as(DType::bf16));
    for (auto& [name, values] : data) p.bind(name, values.data());
    p.refresh();
    p.run();
    std::vector<float> all;
    for (const char* name : {"d0", "d1", "d2"})
      all.insert(all.end(), p.result(name).begin(), p.result(name).end());
    return all;
  }

  DType stored() const {
    Graph narrowed;
    simplify(g, narrowed, cpu::limits().fold, {});
    separate_outputs(narrowed);
    std::set<std::string> shadows;
    round_what_products_read(narrowed, DType::bf16, shadows);
    for (int id = 0; id < narrowed.size(); ++id)
      if (const Node& n = narrowed.node(id); n.op == &ops::where_positive)
        return narrowed.node(n.in[1]).type.dtype;
    return DType::i32;
  }
};

TEST(Bf16, WhatAMaskChoosesFromIsRoundedFirstToTheSameBits) {
  if (!cpu::onednn::has_bf16()) GTEST_SKIP() << "oneDNN has no bf16 on this processor";
  struct Case {
    bool images;
    int64_t rows, in, hidden, out;
  };
  for (const Case c : {Case{false, 128, 784, 256, 256}, Case{false, 100, 40, 100, 10},
                       Case{false, 65, 33, 17, 37}, Case{false, 64, 256, 512, 200},
                       Case{true, 5, 3, 16, 32}, Case{true, 9, 8, 5, 70}}) {
    TwoLayers narrow(c.images, c.rows, c.in, c.hidden, c.out, false);
    TwoLayers whole(c.images, c.rows, c.in, c.hidden, c.out, true);
    EXPECT_EQ(narrow.stored(), DType::bf16);
    EXPECT_EQ(whole.stored(), DType::f32);
    EXPECT_EQ(narrow.run(), whole.run()) << c.rows << " rows, " << c.hidden << " columns";
    for (TwoLayers* layers : {&narrow, &whole}) {
      RefInputs inputs;
      for (const auto& [name, v] : layers->data)
        inputs[name] = {layers->g.find_input(name)->type(), {v.begin(), v.end()}};
      if (c.rows < 100) testing::expect_words_mean_halves(layers->g, inputs);
    }
  }
}

}  // namespace
}  // namespace omni
