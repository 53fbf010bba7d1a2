#include "engine/stages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/random.h"
#include "engine/passes.h"
#include "engine/slicing.h"
#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::f32;
using testing::parameter;

constexpr int64_t kRows = 600, kWidth = 8;

// --- Where nodes go ---

struct Stages {
  explicit Stages(const Graph& g) : graph(g), staged(assign_stages(g).value()) {}

  int of(Value v) const { return staged[v.id].stage; }
  bool kept(Value v) const { return staged[v.id].kept; }
  int count() const {
    int last = 0;
    for (const Staged& s : staged) last = std::max(last, s.stage);
    return last + 1;
  }
  int64_t kept_columns() const {
    int64_t columns = 0;
    for (int id = 0; id < graph.size(); ++id)
      if (staged[id].part == Part::row && staged[id].kept)
        columns += graph.node(id).type.count() / kRows;
    return columns;
  }
  const Graph& graph;
  std::vector<Staged> staged;
};

TEST(Stages, AreOneWhereNoRowWaitsForASum) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
  const Value y = tanh(matmul(x, w)), d = gradients(sum(square(y)), std::vector{w})[0];
  g.update(w, w - d * (1.0 / (1.0 + sum(y))));  // after sums, but for all rows together
  const Stages s(g);
  EXPECT_EQ(s.count(), 1);
  EXPECT_EQ(s.kept_columns(), 0);
}

TEST(Stages, RowsWaitForStatisticsOfTheBatch) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0);
  const Value total = reduce_sum(x, {0}, true), m = total * (1.0 / kRows), centred = x - m;
  const Value squares = reduce_sum(square(centred), {0}, true), scale = rsqrt(squares);
  const Value y = softmax(centred * scale);
  g.result("y", y);
  const Stages s(g);
  EXPECT_EQ(s.count(), 3);
  EXPECT_EQ(s.of(total), 0);
  EXPECT_EQ(s.of(m), 0);
  EXPECT_EQ(s.of(squares), 1);
  EXPECT_EQ(s.of(scale), 1);
  EXPECT_EQ(s.of(y), 2);
  EXPECT_TRUE(s.kept(m) && s.kept(scale));
  EXPECT_FALSE(s.kept(total) || s.kept(squares));
  EXPECT_EQ(s.kept_columns(), 0);  // the differences are made again from the input
}

// A layer and a loss over the rows of some classes, which their number divides.
struct Counted {
  Value h, count, loss, d;
  explicit Counted(Graph& g) {
    const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
    const Value label = input(g, "label", {DType::i32, {kRows}, 0}, Role::data);
    const Value in_class = less(label, 5);
    h = matmul(x, w);
    count = sum(in_class);
    const Value error = mean(abs(tanh(h) - x), {1});
    loss = sum(in_class * error) / maximum(count, constant(g, 1));
    d = gradients(loss, std::vector{w})[0];
    g.result("loss", loss);
    g.update(w, w - d);
  }
};

TEST(Stages, PassesGoBesideTheirGradients) {
  Graph g;
  const Counted net(g);
  const Stages s(g);
  EXPECT_EQ(s.count(), 2);
  EXPECT_EQ(s.of(net.count), 0);
  EXPECT_EQ(s.of(net.h), 1);
  EXPECT_EQ(s.of(net.d), 1);
  EXPECT_EQ(s.kept_columns(), 0);  // labels alone come before
}

TEST(Stages, KeepRowsThatArePastMakingAgain) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
  const Value h = matmul(x, w), c = h - mean(h, {0}, true);
  const Value n = tanh(c * rsqrt(mean(square(c), {0}, true) + 1e-5));
  const Value p = softmax(n), q = p * mean(p, {0}, true);
  g.result("q", q);
  const Stages s(g);
  EXPECT_EQ(s.count(), 4);
  EXPECT_TRUE(s.kept(h));  // a product
  EXPECT_FALSE(s.kept(c) || s.kept(n));
  EXPECT_TRUE(s.kept(p));
  EXPECT_EQ(s.of(p), 2);
  EXPECT_EQ(s.kept_columns(), 2 * kWidth);
}

TEST(Stages, KeepWhatOnlyTwoKeptRowsCouldMakeAgain) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
  const Value a = matmul(x, w), b = softmax(x), both = a * b;
  for (const Value v : {a, b, both}) g.result(fmt::format("%{}", v.id), v - mean(v, {0}, true));
  const Stages s(g);
  EXPECT_TRUE(s.kept(a) && s.kept(b) && s.kept(both));
}

TEST(Stages, WhatNoLaterStageNeedsKeepsTogether) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
  const Value mask = less(f32(g, "threshold", {kRows, 1}, 0), 0);
  const Value early = softmax(x);
  const Value scores = softmax(matmul(x, w)), late = scores * mean(early, {0}, true) * mask;
  const Value beside = tanh(matmul(x, w, false, true)), met = sum(beside * scores);
  const Value masked = sum(early * mask);
  g.result("late", late);
  g.result("met", met);
  g.result("masked", masked);
  const Stages s(g);
  EXPECT_EQ(s.of(late), 1);
  EXPECT_EQ(s.of(met), 1);
  EXPECT_EQ(s.of(beside), 1);
  EXPECT_EQ(s.of(masked), 0);  // the mask, which is also read later, has no say
  EXPECT_EQ(s.kept_columns(), 0);
}

TEST(Stages, SumsGoWhereTheirRowsAre) {
  Graph g;
  const Value x = f32(g, "x", {kRows, kWidth}, 0), w = parameter(g, "w", {kWidth, kWidth});
  const Value h = softmax(matmul(x, w)), loss = sum(square(h)), other = sum(softmax(h));
  const Value c = h - mean(h, {0}, true), d = matmul(x, c, true);
  g.result("loss", loss);
  g.result("other", other);
  g.update(w, d);
  const Stages s(g);
  EXPECT_EQ(s.of(loss), 0);
  EXPECT_EQ(s.of(other), 0);
  EXPECT_EQ(s.of(d), 1);
  EXPECT_EQ(s.kept_columns(), kWidth);  // h
}

// --- What programs of several stages compute ---

// n = (z - batch mean) / batch deviation; the mean over pairs of |sum over rows of n_k n_h / rows|.
Value correlation(Value z) {
  const int64_t width = z.dim(-1) / 2;
  const double rows = static_cast<double>(z.dim(0));
  const Value c = z - mean(z, {0}, true);
  const Value deviation = sqrt(reduce_sum(square(c), {0}, true) * (1 / (rows - 1)));
  const Value n = c / deviation;
  const Value left = slice(n, 1, 0, width), right = slice(n, 1, width, 2 * width);
  return mean(abs(matmul(left, right, true) * (1 / rows)));
}

Value batch_norm(Value x, Value gain, Value bias) {
  const Value c = x - mean(x, {0}, true);
  return c * rsqrt(mean(square(c), {0}, true) + 1e-5) * gain + bias;
}

TEST(StagedProgram, MeansWhatTheInterpreterSaysWithGradients) {
  using testing::check_op;
  using testing::normal;
  check_op([](std::vector<Value> in) { return correlation(matmul(in[0], in[1])); },
           {normal({300, 5}, 1, 0), normal({5, 6}, 2)});
  check_op(
      [](std::vector<Value> in) {
        const Value h = tanh(batch_norm(matmul(in[0], in[1]), in[2], in[3]));
        return batch_norm(matmul(h, in[1], false, true), in[4], in[4]);
      },
      {normal({400, 4}, 1, 0), normal({4, 6}, 2), normal({6}, 3), normal({6}, 4), normal({4}, 5)});
  check_op(
      [](std::vector<Value> in) {  // rows on the second axis, kept for later stages
        const Value across = transpose(softmax(in[0]), {1, 0});
        const Value c = across - mean(across, {1}, true);
        return transpose(c * sum(square(c)), {1, 0});
      },
      {normal({270, 3}, 1, 0)});
}

// An autoencoder on a split code: a decoder, and a certifying decoder for each half of the detached
// code, judged by classes; penalties on the code's size and on the correlation of its halves.
void emit(Graph& g, int64_t rows) {
  std::vector<Value> weights;
  const auto layer = [&](const char* name, Value x, int64_t width) {
    weights.push_back(parameter(g, name, {width, x.dim(-1)}));
    return matmul(x, weights.back(), false, true);
  };
  const Value index = input(g, "index", {DType::i32, {rows}, 0}, Role::data);
  const Value pixels = input(g, "pixels", {DType::u8, {16, 2 * kWidth}}, Role::data);
  const Value x = gather(pixels, index) * (1.0 / 255);
  const Value first = less(index, 6), second = 1 - first;
  const Value z = layer("encode", tanh(layer("hidden", x, 12)), kWidth);
  const auto error = [&](const char* name, Value code, Value of) {
    const Value e = mean(abs(sigmoid(layer(name, code, 2 * kWidth)) - x), {1});
    return sum(of * e) / maximum(sum(of), constant(g, 1));
  };
  const Value code = stop_gradient(z);
  const Value loss = error("decode", z, first) + correlation(z) + mean(abs(z)) * 0.1 +
                     error("left", slice(code, 1, 0, kWidth / 2), first) +
                     error("right", slice(code, 1, kWidth / 2, kWidth), second);
  g.result("loss", loss);
  g.result("code", z);
  const std::vector<Value> d = gradients(loss, weights);
  for (size_t i = 0; i < d.size(); ++i) g.update(weights[i], weights[i] - d[i] * 0.5);
}

using Results = std::map<std::string, std::vector<double>>;

RefInputs random_inputs(const Graph& g) {
  RefInputs inputs;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    Stream stream(Key::of(1).fold(n.name));
    RefArray& a = inputs[n.name] = {n.type, std::vector<double>(n.type.count())};
    for (double& x : a.v)
      x = n.type.dtype == DType::i32  ? static_cast<double>(stream.below(16))
          : n.type.dtype == DType::u8 ? static_cast<double>(stream.below(256))
                                      : static_cast<float>(0.3 * stream.normal());
  }
  return inputs;
}

// Results, and parameters after `steps` steps.
Results run(int64_t rows, const ProgramOptions& options, int steps = 2, bool timed = false) {
  Graph g;
  emit(g, rows);
  Program program(g, options);
  EXPECT_EQ(program.slices() > 1, !options.passes_off.contains("slice-batch"));
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> integers;
  std::map<std::string, std::vector<uint8_t>> bytes;
  for (const auto& [name, a] : random_inputs(g)) {
    if (a.type.dtype == DType::i32)
      program.bind(name, (integers[name] = {a.v.begin(), a.v.end()}).data());
    else if (a.type.dtype == DType::u8)
      program.bind(name, (bytes[name] = {a.v.begin(), a.v.end()}).data());
    else
      program.bind(name, (floats[name] = {a.v.begin(), a.v.end()}).data());
  }
  program.refresh();
  std::vector<double> step_us(program.step_labels().size());
  for (int i = 0; i < steps; ++i) timed ? program.run_timed(step_us) : program.run();
  Results out;
  for (const Output& o : g.outputs()) {
    if (o.update) {
      out[o.name] = {floats.at(o.name).begin(), floats.at(o.name).end()};
    } else {
      const auto r = program.result(o.name);
      out[o.name] = {r.begin(), r.end()};
    }
  }
  return out;
}

void expect_close(const Results& a, const Results& b, double tolerance, const char* what) {
  for (const auto& [name, wanted] : b) {
    const std::vector<double>& found = a.at(name);
    ASSERT_EQ(found.size(), wanted.size()) << name;
    for (size_t i = 0; i < wanted.size(); ++i)
      ASSERT_NEAR(found[i], wanted[i], tolerance * (1 + std::abs(wanted[i])))
          << what << ": " << name << "[" << i << "]";
  }
}

TEST(StagedProgram, KeepsOfASplitAutoencoderOnlyItsEncoder) {
  Graph g, clean;
  emit(g, kRows);
  simplify(g, clean, cpu::limits().fold, {});
  const auto sliced = slice_batch(clean, cpu::limits());
  ASSERT_TRUE(sliced);
  EXPECT_EQ(sliced->stages.size(), 6u);
  // hidden, code, its normalised halves, and three gradients on the way back through them.
  EXPECT_LE(Stages(clean).kept_columns(), 12 + 6 * kWidth);
}

class StagedBatch : public ::testing::TestWithParam<int64_t> {};

TEST_P(StagedBatch, IsTheWholeBatchToRounding) {
  const Results staged = run(GetParam(), {}, 1);
  expect_close(staged, run(GetParam(), {Precision::f32, {"slice-batch"}, 1}, 1), 2e-5, "whole");
  Graph g;
  emit(g, GetParam());
  const auto values = interpret(g, random_inputs(g));
  Results wanted;
  for (const Output& o : g.outputs()) wanted[o.name] = values[o.id].v;
  expect_close(staged, wanted, 2e-5, "interpreter");
}

TEST_P(StagedBatch, GivesEqualBitsOnAnyTeam) {
  for (ProgramOptions o : testing::every_precision()) {
    const bool bf16 = o.precision == Precision::bf16;
    if (bf16 && o.limits.bf16_storage == DType::bf16 && GetParam() <= 512) continue;  // is not cut
    const Results one = run(GetParam(), o);
    for (o.threads = 2; o.threads <= 3; ++o.threads)
      EXPECT_TRUE(run(GetParam(), o) == one) << o.threads;
    o.threads = 1;
    for (const PassInfo& p : passes())
      if (bf16 ? p.keeps_bits_bf16 : p.keeps_bits) {
        o.passes_off = {p.name};
        EXPECT_TRUE(run(GetParam(), o) == one) << p.name;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, StagedBatch, ::testing::Values(257, 1000, 2049));

TEST(StagedProgram, InBf16IsNearF32) {
  for (const ProgramOptions& o : testing::every_precision())
    expect_close(run(1000, o), run(1000, {}), 0.03, "bf16");
}

TEST(StagedProgram, RunsTheSameWhenTimed) {
  EXPECT_TRUE(run(300, {}, 2, true) == run(300, {}, 2, false));
}

}  // namespace
}  // namespace omni
