#include "ops/recompute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/passes.h"
#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

// x [8, 16] through layers tanh(x w), each a section of its own; or all as one with nested ones.
enum class Sections { none, each, nested };

struct Chain {
  Graph g;
  std::vector<Value> weights;
  Value x, loss;

  explicit Chain(Sections sections, int layers = 6, int64_t rows = 8) {
    x = input(g, "x", {DType::f32, {rows, 16}, 0}, Role::data);
    Value h = exp(x);
    const Value first = h;
    for (int i = 0; i < layers; ++i) {
      weights.push_back(input(g, fmt::format("w{}", i), {DType::f32, {16, 16}}, Role::parameter));
      const Value before = h;
      h = tanh(matmul(sin(before), weights.back())) + before;
      if (sections != Sections::none) h = recompute(h, before);
    }
    if (sections == Sections::nested) h = recompute(h, first);
    loss = sum(square(h));
  }
};

using Results = std::map<std::string, std::vector<float>>;

// By input, in the order in which they were made.
Results numbers(const Graph& g) {
  Results all;
  for (int id = 0; id < g.size(); ++id) {
    if (!is_input(g.node(id))) continue;
    const auto seed = static_cast<int64_t>(all.size());
    std::vector<float>& values = all[g.node(id).name];
    for (int64_t i = 0; i < g.node(id).type.count(); ++i)
      values.push_back(static_cast<float>((i * 7 + seed) % 11) * 0.05F - 0.25F);
  }
  return all;
}

Results run(const Graph& g, const std::set<std::string>& off = {}, ProgramOptions options = {}) {
  options.passes_off = off;
  Program p(g, options);
  const Results inputs = numbers(g);
  for (const auto& [name, values] : inputs) p.bind(name, values.data());
  p.refresh();
  p.run();
  Results out;
  for (const Output& o : g.outputs()) {
    const auto r = p.result(o.name);
    out[o.name].assign(r.begin(), r.end());
  }
  return out;
}

// The loss and its gradients.
Results gradients_of(Sections sections, const std::set<std::string>& off = {},
                     ProgramOptions options = {}) {
  Chain c(sections);
  std::vector<Value> wrt = c.weights;
  wrt.push_back(c.x);
  const std::vector<Value> d = gradients(c.loss, wrt);
  for (size_t i = 0; i < d.size(); ++i) c.g.result(fmt::format("d{}", i), d[i]);
  c.g.result("loss", c.loss);
  verify(c.g, "test");
  return run(c.g, off, options);
}

TEST(Recompute, GradientsKeepTheirBits) {
  for (const ProgramOptions& o : testing::every_precision()) {
    const Results wanted = gradients_of(Sections::none, {}, o);
    EXPECT_TRUE(std::ranges::any_of(wanted.at("d2"), [](float v) { return v != 0; }));
    for (const Sections s : {Sections::each, Sections::nested}) {
      EXPECT_EQ(gradients_of(s, {}, o), wanted);
      EXPECT_EQ(gradients_of(s, {"all"}, o), wanted);
    }
  }
}

// In double precision: they are sums in another order.
TEST(Recompute, GradientsOfGradients) {
  const auto second = [](Sections sections) {
    Chain c(sections);
    const Value once = sum(square(gradients(c.loss, c.weights)[1]));
    const Value twice = gradients(once, c.weights)[2];
    RefInputs inputs;
    for (const auto& [name, values] : numbers(c.g))
      inputs[name] = {c.g.find_input(name)->type(), {values.begin(), values.end()}};
    return interpret(c.g, inputs)[static_cast<size_t>(twice.id)].v;
  };
  const std::vector<double> wanted = second(Sections::none);
  const double largest = *std::ranges::max_element(wanted);
  EXPECT_GT(largest, 1);
  for (const Sections s : {Sections::each, Sections::nested}) {
    const std::vector<double> found = second(s);
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_NEAR(found[i], wanted[i], 1e-9 * largest) << i;
  }
}

// Bytes for the gradients of all weights.
int64_t arena(Sections sections, int layers) {
  Chain c(sections, layers, 512);
  const std::vector<Value> d = gradients(c.loss, c.weights);
  for (size_t i = 0; i < d.size(); ++i) c.g.result(fmt::format("d{}", i), d[i]);
  return Program(c.g, {Precision::f32, {"slice-batch"}, 1}).arena_bytes();
}

TEST(Recompute, KeepsOneValueOfEachSection) {
  if (!passes_off_here().empty()) GTEST_SKIP() << "memory is shared by a pass";
  // Two or three of sin(before), tanh and `before` of each layer against `before` alone.
  const int64_t value = 512 * 16 * sizeof(float);
  EXPECT_GE(arena(Sections::none, 12), 12 * 2 * value);
  EXPECT_LE(arena(Sections::each, 12), (12 + 7) * value);
}

TEST(Recompute, GradientsOfValuesInside) {
  for (const bool again : {false, true}) {
    Graph g;
    const Value x = input(g, "x", {DType::f32, {2, 3}, 0}, Role::data);
    const Value inside = exp(x);
    Value y = square(inside);
    if (again) y = recompute(y, x);
    g.result("d", gradients(sum(y) + sum(inside), std::vector{inside})[0]);
    g.result("wanted", inside * 2 + 1);
    const Results r = run(g);
    EXPECT_EQ(r.at("d"), r.at("wanted"));
  }
}

TEST(Recompute, TheSecondCopyIsNotMergedWithTheFirst) {
  const auto count = [](Sections sections, const OpDef& op) {
    Chain c(sections, 3);
    c.g.result("d", gradients(c.loss, c.weights)[0]);
    Graph simple;
    simplify(c.g, simple, cpu::limits().fold, {});
    int n = 0;
    for (int id = 0; id < simple.size(); ++id) n += simple.node(id).op == &op;
    return n;
  };
  EXPECT_EQ(count(Sections::none, ops::tanh), 3);
  EXPECT_EQ(count(Sections::each, ops::tanh), 6);
  EXPECT_EQ(count(Sections::each, ops::recompute), 0);
  EXPECT_EQ(count(Sections::each, ops::after), 3);
}

// What all rows share is no sum over the rows that it waits for: cut into slices it would be added
// up once for each.
TEST(Recompute, WhatWaitsForRowsIsNotAddedUpOverThem) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {4096, 64}, 0}, Role::data);
  const Value w = input(g, "w", {DType::f32, {64}}, Role::parameter);
  const Value row = tanh(x * w), waiting = after(w, row);
  g.result("waiting", waiting * 1.0);
  g.result("sum", sum(row * waiting));
  const Results sliced = run(g), whole = run(g, {"slice-batch"}), inputs = numbers(g);
  EXPECT_EQ(sliced.at("waiting"), inputs.at("w"));
  EXPECT_EQ(sliced, whole);
  EXPECT_EQ(waiting.type().batch, kMixedBatch);
  EXPECT_EQ(after(row, w).type(), row.type());
  EXPECT_EQ(after(w, sum(row)).type(), w.type());
}

const testing::Samples kSamples = {
    {&ops::recompute, [](Graph& g) { return recompute(exp(testing::rows(g)), testing::rows(g)); }},
    {&ops::after, [](Graph& g) { return after(testing::rows(g), testing::rows(g, "y")); }},
};

}  // namespace
}  // namespace omni
