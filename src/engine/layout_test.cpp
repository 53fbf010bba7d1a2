#include "engine/layout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/passes.h"
#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

using testing::f32;
using testing::parameter;

// The ops of each unit, in the order of execution.
using Units = std::vector<std::vector<std::string>>;

Units units_of(Graph& g, const std::set<Pass>& off = {},
               const DeviceLimits& limits = cpu::limits()) {
  separate_outputs(g);
  Units units;
  for (const Unit& u : make_layout(g, limits, off).units) {
    std::vector<std::string>& names = units.emplace_back();
    for (const int id : u.members) names.push_back(g.node(id).op->name);
  }
  return units;
}

TEST(Fusion, ChainsBecomeOnePass) {
  Graph g;
  const Value x = f32(g, "x", {8, 4}), b = f32(g, "b", {4});
  g.result("y", tanh(relu(x + b)) * x);
  EXPECT_EQ(units_of(g), (Units{{"add", "relu", "tanh", "mul"}}));
  EXPECT_EQ(units_of(g, {Pass::fuse_elementwise}), (Units{{"add"}, {"relu"}, {"tanh"}, {"mul"}}));
}

TEST(Fusion, OtherIndexSpacesAreOtherPasses) {
  Graph g;
  const Value x = f32(g, "x", {8, 4}), b = f32(g, "b", {4});
  g.result("y", x + tanh(b));
  EXPECT_EQ(units_of(g), (Units{{"tanh"}, {"add"}}));
}

TEST(Fusion, NeverMakesACycle) {
  Graph g;
  const Value x = f32(g, "x", {4, 4}), y = exp(x);
  g.result("z", y * reduce_sum(y, {1}, true) + tanh(y));
  // The product waits for the sum, which waits for exp: they cannot be one pass.
  const Units units = units_of(g);
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(units[1], std::vector<std::string>{"reduce_sum"});
}

TEST(Fusion, LongChainsAreCut) {
  Graph g;
  Value v = f32(g, "x", {2000});
  for (int i = 0; i < 100; ++i) v = sin(v);
  g.result("y", v);
  const Units units = units_of(g);
  EXPECT_GE(units.size(), 3u);
  EXPECT_LE(units.size(), 5u);
}

TEST(Fusion, PassesAreAsLongAsTheDeviceRunsThem) {
  Graph g;
  const Value x = f32(g, "x", {8, 4}), b = f32(g, "b", {4});
  g.result("y", tanh(relu(x + b)) * x);
  DeviceLimits limits = cpu::limits();
  limits.pass_members = 3;
  EXPECT_EQ(units_of(g, {}, limits), (Units{{"add", "relu", "tanh"}, {"mul"}}));
  limits = cpu::limits();
  limits.pass_registers = 3;  // the sum takes one for itself and one for b
  EXPECT_EQ(units_of(g, {}, limits), (Units{{"add", "relu"}, {"tanh", "mul"}}));
  EXPECT_EQ(units_of(g, {}, {}), (Units{{"add"}, {"relu"}, {"tanh"}, {"mul"}}));
}

// More inputs to spread out than a pass has registers.
TEST(Fusion, ManyBroadcastInputsAreCut) {
  Graph g;
  Value v = f32(g, "x", {6, 700});
  for (int i = 0; i < 60; ++i) {
    const auto name = [&](const char* prefix) { return fmt::format("{}{}", prefix, i); };
    v = where(f32(g, name("c").c_str(), {700}), v + f32(g, name("r").c_str(), {6, 1}), v);
  }
  g.result("y", v);
  Program p(g);
  std::vector<float> x(4200, 1), condition(700, 1), row(6, 2);
  condition[3] = 0;
  p.bind("x", x.data());
  for (int i = 0; i < 60; ++i) {
    p.bind(fmt::format("c{}", i), condition.data());
    p.bind(fmt::format("r{}", i), row.data());
  }
  p.run();
  EXPECT_EQ(p.result("y")[0], 121);
  EXPECT_EQ(p.result("y")[703], 1);
  EXPECT_EQ(p.result("y")[4199], 121);
}

TEST(Fusion, GathersJoinTheirOnlyReader) {
  const auto emit = [](Graph& g) {
    const Value table = input(g, "table", {DType::u8, {10, 4}}, Role::data);
    const Value index = input(g, "index", {DType::i32, {6}, 0}, Role::data);
    return gather(table, index);
  };
  Graph one, two, out;
  one.result("y", emit(one) * 0.5 + 1);
  EXPECT_EQ(units_of(one), (Units{{"gather", "mul", "add"}}));
  EXPECT_EQ(units_of(one, {Pass::fuse_gathers}), (Units{{"gather"}, {"mul", "add"}}));
  EXPECT_EQ(units_of(one, {Pass::fuse_elementwise}), (Units{{"gather", "mul"}, {"add"}}));
  DeviceLimits apart = cpu::limits();
  apart.fused_gathers = false;
  EXPECT_EQ(units_of(one, {}, apart), (Units{{"gather"}, {"mul", "add"}}));
  const Value rows = emit(two);
  two.result("a", rows * 2.0);
  two.result("b", rows * 3.0);
  EXPECT_EQ(units_of(two).size(), 3u);  // two passes read it
}

// --- Epilogues ---

struct Layer {
  Graph g;
  Value x = f32(g, "x", {8, 4}, 0), w = parameter(g, "w", {4, 6}), b = parameter(g, "b", {6});
  Value product = matmul(x, w);
};

TEST(Epilogues, BiasAndReluJoinTheProduct) {
  Layer both, bias, rectifier, other_side;
  both.g.result("y", relu(both.product + both.b));
  EXPECT_EQ(units_of(both.g), (Units{{"matmul", "add", "relu"}}));
  bias.g.result("y", bias.product + bias.b);
  EXPECT_EQ(units_of(bias.g), (Units{{"matmul", "add"}}));
  rectifier.g.result("y", relu(rectifier.product));
  EXPECT_EQ(units_of(rectifier.g), (Units{{"matmul", "relu"}}));
  other_side.g.result("y", other_side.b + other_side.product);
  EXPECT_EQ(units_of(other_side.g), (Units{{"matmul", "add"}}));
  EXPECT_EQ(units_of(other_side.g, {Pass::fuse_epilogues}), (Units{{"matmul"}, {"add"}}));
}

TEST(Epilogues, AreThoseThatTheDeviceHas) {
  Layer l;
  l.g.result("y", relu(l.product + l.b));
  DeviceLimits limits;
  EXPECT_EQ(units_of(l.g, {}, limits), (Units{{"matmul"}, {"add"}, {"relu"}}));
  limits.bias_epilogue = true;
  EXPECT_EQ(units_of(l.g, {}, limits), (Units{{"matmul", "add"}, {"relu"}}));
  limits.relu_epilogue = true;
  EXPECT_EQ(units_of(l.g, {}, limits), (Units{{"matmul", "add", "relu"}}));
  limits.bias_epilogue = false;  // the sum stands between the product and its ReLU
  EXPECT_EQ(units_of(l.g, {}, limits), (Units{{"matmul"}, {"add"}, {"relu"}}));
}

TEST(Epilogues, AreRefusedWhereTheyWouldBeWrong) {
  Layer read, shared, column, late, doubled, out;
  read.g.result("y", relu(read.product + read.b) * tanh(read.product));  // the product is read, too
  EXPECT_EQ(units_of(read.g)[0], std::vector<std::string>{"matmul"});
  out.g.result("product", out.product);
  out.g.result("y", relu(out.product));
  EXPECT_EQ(units_of(out.g)[0], std::vector<std::string>{"matmul"});
  column.g.result("y", column.product + f32(column.g, "c", {8, 1}));  // not along columns
  EXPECT_EQ(units_of(column.g)[0], std::vector<std::string>{"matmul"});
  doubled.g.result("y", doubled.product + doubled.product);
  EXPECT_EQ(units_of(doubled.g)[0], std::vector<std::string>{"matmul"});
  late.g.result("y", late.product + tanh(reduce_sum(late.product, {0})));  // a bias made of it
  EXPECT_EQ(units_of(late.g)[0], std::vector<std::string>{"matmul"});
  shared.g.result("y", shared.product + shared.b);  // a bias that is read elsewhere is no obstacle
  shared.g.result("b", shared.b * 2.0);
  EXPECT_EQ(units_of(shared.g)[0], (std::vector<std::string>{"matmul", "add"}));
}

TEST(Epilogues, KeepNaN) {
  Layer l;
  l.g.result("y", relu(l.product + l.b));
  for (const auto& off : {std::set<std::string>{}, std::set<std::string>{"fuse-epilogues"}}) {
    Program p(l.g, {Precision::f32, off, 1});
    std::vector<float> x(32, 1), w(24, -1), b(6, 10);
    x[0] = std::numeric_limits<float>::quiet_NaN();
    b[5] = -10;
    p.bind("x", x.data());
    p.bind("w", w.data());
    p.bind("b", b.data());
    p.run();
    EXPECT_TRUE(std::isnan(p.result("y")[0])) << "fused: " << off.empty();
    EXPECT_EQ(p.result("y")[6], 6);
    EXPECT_EQ(p.result("y")[11], 0);
  }
}

// --- Updates in place ---

bool in_place(Graph& g, const char* name) {
  separate_outputs(g);
  const Layout layout = make_layout(g, cpu::limits(), {});
  for (const auto& [value, in] : layout.in_place)
    if (g.node(in).name == name) return true;
  return false;
}

TEST(InPlace, UpdatesComeAfterAllReaders) {
  Graph g;
  const Value w = parameter(g, "w", {8}), x = f32(g, "x", {8});
  g.update(w, w - x);                       // first in the graph
  g.result("y", reduce_sum(exp(w), {0}));   // reads the old value
  g.result("z", reshape(w, {2, 4}) * 2.0);  // through an alias
  EXPECT_TRUE(in_place(g, "w"));
  Program p(g);
  std::vector<float> weights(8, 1), data(8, 1);
  p.bind("w", weights.data());
  p.bind("x", data.data());
  p.run();
  EXPECT_NEAR(p.result("y")[0], 8 * std::exp(1), 1e-4);
  EXPECT_EQ(p.result("z")[7], 2);
  EXPECT_EQ(weights[7], 0);
}

TEST(InPlace, ParametersCanSwap) {
  for (const auto& off : {std::set<std::string>{}, std::set<std::string>{"all"}}) {
    Graph g;
    const Value a = parameter(g, "a", {2000}), b = parameter(g, "b", {2000});
    g.update(a, b);
    g.update(b, a);
    Program p(g, {Precision::f32, off, 1});
    std::vector<float> va(2000, 1), vb(2000, 2);
    p.bind("a", va.data());
    p.bind("b", vb.data());
    p.run();
    EXPECT_EQ(va, std::vector<float>(2000, 2));
    EXPECT_EQ(vb, std::vector<float>(2000, 1));
  }
}

TEST(InPlace, UpdatesThatReadEachOtherSeeOldValues) {
  Graph g;
  const Value a = parameter(g, "a", {1500}), b = parameter(g, "b", {1500}),
              c = parameter(g, "c", {1500});
  const Value next = a + b;
  g.update(a, next);  // one pass writes all three
  g.update(b, a * 10.0 + next);
  g.update(c, b * 100.0 + a + c);
  Program p(g);
  std::vector<float> va(1500, 1), vb(1500, 2), vc(1500, 3);
  p.bind("a", va.data());
  p.bind("b", vb.data());
  p.bind("c", vc.data());
  p.run();
  EXPECT_EQ(va, std::vector<float>(1500, 3));
  EXPECT_EQ(vb, std::vector<float>(1500, 13));
  EXPECT_EQ(vc, std::vector<float>(1500, 204));
}

// A pass that picks rows at random would find some of them overwritten.
TEST(InPlace, TablesAreNotOverwrittenWhileRowsArePicked) {
  constexpr int64_t kRows = 700, kWidth = 5;
  Graph g;
  const Value w = parameter(g, "w", {kRows, kWidth});
  const Value index = input(g, "index", {DType::i32, {kRows}}, Role::data);
  g.update(w, gather(w, index) + 0.5);
  EXPECT_FALSE(in_place(g, "w"));
  Program p(g);
  std::vector<float> weights(kRows * kWidth);
  std::vector<int32_t> backwards(kRows);
  for (int i = 0; i < kRows * kWidth; ++i) weights[i] = static_cast<float>(i);
  for (int i = 0; i < kRows; ++i) backwards[i] = static_cast<int32_t>(kRows - 1 - i);
  p.bind("w", weights.data());
  p.bind("index", backwards.data());
  p.run();
  EXPECT_EQ(weights[0], (kRows - 1) * kWidth + 0.5f);
  EXPECT_EQ(weights[kRows * kWidth - 1], kWidth - 1 + 0.5f);
}

// Rows are written where the table lies, after all that reads them; where that cannot be, the
// table is copied.
TEST(InPlace, RowsArePutIntoTheirTable) {
  constexpr int64_t kRows = 700, kWidth = 5;
  const auto run = [](bool moves, const std::set<std::string>& off) {
    Graph g;
    const Value w = parameter(g, "w", {kRows, kWidth}), other = f32(g, "other", {kRows, kWidth});
    const Value from = input(g, "from", {DType::i32, {2}}, Role::data);
    const Value to = input(g, "to", {DType::i32, {2}}, Role::data);
    const Value moved = gather(w, from);  // one of which is written, too
    g.update(w, put_rows(moves ? w : other, moved, to));
    g.result("sum", reduce_sum(w, {0, 1}));
    EXPECT_EQ(in_place(g, "w"), moves);
    Program p(g, {Precision::f32, off, 1});
    std::vector<float> weights(kRows * kWidth, 1), others(kRows * kWidth, 7);
    for (int i = 0; i < kWidth; ++i) weights[3 * kWidth + i] = 2;
    const std::vector<int32_t> rows = {3, 4}, places = {4, 3};
    p.bind("w", weights.data());
    p.bind("other", others.data());
    p.bind("from", rows.data());
    p.bind("to", places.data());
    p.run();
    EXPECT_EQ(p.result("sum")[0], (kRows + 1) * kWidth);
    const float rest = moves ? 1 : 7;
    EXPECT_EQ(weights[3 * kWidth], 1);
    EXPECT_EQ(weights[5 * kWidth - 1], 2);
    EXPECT_EQ(weights[5 * kWidth], rest);
    EXPECT_EQ(weights.back(), rest);
  };
  for (const bool moves : {true, false})
    for (const char* off : {"", "all"})
      run(moves, *off ? std::set<std::string>{off} : std::set<std::string>{});
}

TEST(InPlace, TransposesReadTheOldValue) {
  Graph g;
  const Value w = parameter(g, "w", {3, 3});
  g.update(w, transpose(w, {1, 0}) * 1.0);
  Program p(g);
  std::vector<float> v = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  p.bind("w", v.data());
  p.run();
  EXPECT_EQ(v, (std::vector<float>{1, 4, 7, 2, 5, 8, 3, 6, 9}));
}

}  // namespace
}  // namespace omni
