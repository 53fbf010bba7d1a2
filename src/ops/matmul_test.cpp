// Products against their references: transposes, leading axes, odd shapes, bf16, epilogues, second
// derivatives, and that bits do not depend on where operands stand.
#include "ops/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/memory.h"
#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::Check;
using testing::normal;
using Values = std::vector<Value>;

constexpr Check kBoth = {.tolerance = 3e-5, .bf16_tolerance = 0.05};

Shape swapped(Shape s, bool swap) {
  if (swap) std::swap(s[s.rank() - 1], s[s.rank() - 2]);
  return s;
}

// a and b as they are without transposes; all four ways.
void check_product(const Shape& a, const Shape& b) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      SCOPED_TRACE(fmt::format("{}{} times {}{}", a, ta ? "^T" : "", b, tb ? "^T" : ""));
      check_op([&](Values v) { return matmul(v[0], v[1], ta, tb); },
               {normal(swapped(a, ta)), normal(swapped(b, tb), 1)}, kBoth);
    }
}

TEST(Matmul, OddShapes) {
  check_product({1, 1}, {1, 1});
  check_product({7, 3}, {3, 5});
  check_product({2, 1}, {1, 3});
  check_product({17, 33}, {33, 10});
  check_product({5, 65}, {65, 1});
}

TEST(Matmul, LeadingAxes) {
  check_product({3, 4, 5}, {3, 5, 6});
  check_product({3, 4, 5}, {5, 6});
  check_product({4, 5}, {3, 5, 6});
  check_product({2, 1, 3, 4}, {1, 3, 4, 5});
  check_product({2, 3, 4, 5}, {3, 5, 2});
}

TEST(Matmul, ContractRows) {
  const auto contract = [](Values v) { return contract_rows(v[0], v[1]); };
  check_op(contract, {normal({3, 4}), normal({3, 5}, 1)}, kBoth);
  check_op(contract, {normal({2, 3, 4, 5}), normal({2, 3, 4, 7}, 1)}, kBoth);
}

TEST(Matmul, BiasAndReluInside) {
  for (const int64_t columns : {1, 10, 33})
    check_op([](Values v) { return relu(matmul(v[0], v[1]) + v[2]); },
             {normal({3, 6, 8}), normal({8, columns}, 1), normal({columns}, 2)}, kBoth);
  check_op([](Values v) { return matmul(v[0], v[1]) + v[2]; },
           {normal({2, 6, 8}), normal({2, 8, 5}, 1), normal({5}, 2)}, kBoth);
}

// The Hessian-vector product of a small network's loss, itself checked by differences.
TEST(Matmul, SecondDerivative) {
  check_op(
      [](Values v) {
        const Value loss = mean(square(matmul(tanh(matmul(v[0], v[1])), v[2])));
        const std::array weights = {v[1]};
        const Value slope = gradients(loss, weights)[0];
        return gradients(sum(slope * v[3]), weights)[0];
      },
      {normal({2, 5, 4}), normal({4, 3}, 1), normal({3, 2}, 2), normal({4, 3}, 3)});
}

TEST(Matmul, WeightGradientStaysSmall) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {8, 16, 4}, 0}, Role::data);
  const Value w = input(g, "w", {DType::f32, {4, 32}}, Role::parameter);
  const std::array weights = {w};
  const Value dw = gradients(sum(square(matmul(x, w))), weights)[0];
  EXPECT_EQ(dw.node().op, &ops::contract_rows);
  EXPECT_EQ(dw.type(), (Type{DType::f32, {4, 32}, kNoBatch}));
}

TEST(Matmul, BatchAxisIsTracked) {
  Graph g;
  int count = 0;
  const auto in = [&](Shape s, int batch) {
    return input(g, fmt::format("x{}", count++), {DType::f32, s, batch}, Role::data);
  };
  const auto batch = [&](Shape a, int batch_a, Shape b, int batch_b, bool ta = false,
                         bool tb = false) {
    return matmul(in(a, batch_a), in(b, batch_b), ta, tb).type().batch;
  };
  EXPECT_EQ(batch({4, 3}, 0, {3, 5}, kNoBatch), 0);
  EXPECT_EQ(batch({4, 3}, kNoBatch, {3, 5}, 1), 1);
  EXPECT_EQ(batch({4, 3}, kNoBatch, {5, 3}, 0, false, true), 1);
  EXPECT_EQ(batch({4, 3}, 0, {4, 5}, 0, true), kNoBatch);
  EXPECT_EQ(batch({4, 3}, 0, {4, 5}, kNoBatch, true), kMixedBatch);
  EXPECT_EQ(batch({4, 3}, 0, {3, 5}, 1), kMixedBatch);
  EXPECT_EQ(batch({4, 3}, kMixedBatch, {3, 5}, kNoBatch), kMixedBatch);
  EXPECT_EQ(batch({2, 4, 3}, 0, {2, 3, 5}, 0), 0);
  EXPECT_EQ(batch({2, 4, 3}, 0, {2, 3, 5}, kNoBatch), kMixedBatch);
  EXPECT_EQ(batch({2, 4, 3}, 0, {3, 5}, kNoBatch), 0);
  EXPECT_EQ(batch({4, 3}, kNoBatch, {2, 3, 5}, 0), 0);
  EXPECT_EQ(batch({2, 7, 4, 3}, 1, {7, 3, 5}, 0), 1);
  EXPECT_EQ(contract_rows(in({2, 4, 3}, 0), in({2, 4, 5}, 0)).type().batch, kNoBatch);
  EXPECT_EQ(contract_rows(in({2, 4, 3}, 0), in({2, 4, 5}, 1)).type().batch, kMixedBatch);
  EXPECT_EQ(contract_rows(in({2, 4, 3}, 2), in({2, 4, 5}, kNoBatch)).type().batch, 0);
  EXPECT_EQ(contract_rows(in({2, 4, 3}, kNoBatch), in({2, 4, 5}, 2)).type().batch, 1);
}

TEST(Matmul, RefusesWhatItCannotDo) {
  Graph g;
  const Value a = input(g, "a", {DType::f32, {4, 3}}, Role::data);
  const Value row = input(g, "row", {DType::f32, {3}}, Role::data);
  const Value empty = input(g, "empty", {DType::f32, {3, 0}}, Role::data);
  const Value whole = input(g, "whole", {DType::i32, {3, 2}}, Role::data);
  const Value two = input(g, "two", {DType::f32, {2, 3, 5}}, Role::data);
  const Value three = input(g, "three", {DType::f32, {3, 4, 3}}, Role::data);
  EXPECT_THROW(matmul(a, a), UserError);
  EXPECT_THROW(matmul(a, row), UserError);
  EXPECT_THROW(matmul(a, empty), UserError);
  EXPECT_THROW(matmul(a, whole), UserError);
  EXPECT_THROW(matmul(three, two), UserError);
  EXPECT_THROW(contract_rows(a, two), UserError);
  EXPECT_THROW(contract_rows(a, reshape(a, {3, 4})), UserError);
}

TEST(Matmul, CountsItsOperations) {
  Graph g;
  const Value a = input(g, "a", {DType::f32, {7, 4, 3}}, Role::data);
  const Value b = input(g, "b", {DType::f32, {5, 3}}, Role::data);
  const Value c = input(g, "c", {DType::f32, {7, 4, 5}}, Role::data);
  const std::array ab = {a.type(), b.type()}, ac = {a.type(), c.type()};
  EXPECT_EQ(ops::matmul.flops(ab, matmul(a, b, false, true).type()), 2.0 * 7 * 4 * 3 * 5);
  EXPECT_EQ(ops::matmul.flops(ac, matmul(a, c, true).type()), 2.0 * 7 * 4 * 3 * 5);
  EXPECT_EQ(ops::contract_rows.flops(ac, contract_rows(a, c).type()), 2.0 * 7 * 4 * 3 * 5);
}

TEST(Matmul, BitsDoNotDependOnAddresses) {
  for (const ProgramOptions& options : testing::every_precision())
    for (const int64_t columns : {3, 10, 64}) {
      constexpr int64_t kRows = 33, kInner = 70;
      Graph g;
      const Value a = input(g, "a", {DType::f32, {kRows, kInner}, 0}, Role::data);
      const Value b = input(g, "b", {DType::f32, {kRows, columns}, 0}, Role::data);
      g.result("product", matmul(a, b, true));
      Program program(g, options);
      const auto run = [&](int64_t offset) {
        AlignedBytes memory((kRows * (kInner + columns)) * 4 + 256);
        auto* pa = reinterpret_cast<float*>(memory.data() + offset);
        float* pb = pa + kRows * kInner + offset / 4;
        for (int64_t i = 0; i < kRows * kInner; ++i) pa[i] = std::sin(static_cast<float>(i));
        for (int64_t i = 0; i < kRows * columns; ++i) pb[i] = std::cos(static_cast<float>(3 * i));
        program.bind("a", pa);
        program.bind("b", pb);
        program.refresh();
        program.run();
        const auto r = program.result("product");
        return std::vector<float>(r.begin(), r.end());
      };
      const std::vector<float> aligned = run(0);
      for (const int64_t offset : {4, 20, 36, 60}) {
        const std::vector<float> moved = run(offset);
        EXPECT_EQ(std::memcmp(moved.data(), aligned.data(), aligned.size() * 4), 0) << offset;
      }
    }
}

const testing::Samples kSamples = {
    {&ops::matmul,
     [](Graph& g) { return matmul(testing::rows(g), testing::f32(g, "w", {3, 2})); }},
    {&ops::contract_rows,
     [](Graph& g) { return contract_rows(testing::rows(g), testing::rows(g, "y")); }},
};

}  // namespace
}  // namespace omni
