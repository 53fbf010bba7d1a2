// Reductions against their references: every grouping of axes, narrow and wide, long and NaN.
#include "ops/reduce.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::distinct;
using testing::evaluate;
using testing::In;
using testing::normal;
using Values = std::vector<Value>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  Shape shape;
  std::vector<int64_t> axes;
};

const std::vector<Case> kCases = {
    {{7}, {0}},           {{3, 5}, {0}},          {{3, 5}, {1}},       {{3, 5}, {0, 1}},
    {{70, 10}, {0}},      {{130, 16}, {0}},       {{1030, 3}, {0}},    {{9, 131}, {0}},
    {{4, 133}, {-1}},     {{2, 3, 4, 5}, {0, 2}}, {{2, 3, 4}, {1}},    {{2, 3, 4, 20}, {1, 3}},
    {{3, 4, 37}, {0, 2}}, {{1, 1}, {0}},          {{5, 1, 3}, {1}},    {{4, 2, 1, 33}, {0, 1}},
};

TEST(Reduce, SumMatchesItsReference) {
  for (const Case& c : kCases)
    for (const bool keep : {false, true}) {
      SCOPED_TRACE(fmt::format("{} over {}", c.shape, fmt::join(c.axes, ", ")));
      check_op([&](Values v) { return reduce_sum(v[0], c.axes, keep); }, {normal(c.shape)});
    }
}

// Of 16 columns or more to the bit, whatever the width of vectors: 64 rows in f32, their sums in
// double.
TEST(Reduce, SumsOverRowsHaveTheirOrder) {
  for (const int64_t rows : {1, 63, 64, 65, 255, 256, 257, 320, 511, 700})
    for (const int64_t columns : {16, 17, 32, 40, 64, 100}) {
      Graph g;
      g.result("y", reduce_sum(input(g, "x", {DType::f32, {rows, columns}}, Role::data), {0}));
      std::vector<float> x(rows * columns), expected(columns);
      Stream s(Key::of(static_cast<uint64_t>(rows)));
      for (float& v : x) v = static_cast<float>(s.normal());
      for (int64_t c = 0; c < columns; ++c) {
        double total = 0;
        for (int64_t begin = 0; begin < rows; begin += 64) {
          const int64_t end = std::min(begin + 64, rows);
          float partial = 0;
          for (int64_t r = begin; r < end; ++r) partial += x[r * columns + c];
          total += partial;
        }
        expected[c] = static_cast<float>(total);
      }
      Program p(g);
      p.bind("x", x.data());
      p.run();
      const auto y = p.result("y");
      EXPECT_EQ(std::vector<float>(y.begin(), y.end()), expected) << rows << " x " << columns;
    }
}

TEST(Reduce, ExtremesMatchTheirReferences) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("{} over {}", c.shape, fmt::join(c.axes, ", ")));
    check_op([&](Values v) { return reduce_max(v[0], c.axes, true); }, {distinct(c.shape)});
    check_op([&](Values v) { return reduce_min(v[0], c.axes); }, {distinct(c.shape)});
  }
}

TEST(Reduce, LongSumsKeepTheirDigits) {
  for (const Shape& s : {Shape{100'000}, Shape{100'000, 10}, Shape{100'000, 17}}) {
    In ones = testing::uniform(s, 0.5, 1.5);
    check_op([](Values v) { return reduce_sum(v[0], {0}); }, {ones},
             {.tolerance = 3e-7, .gradient = false});
  }
}

TEST(Reduce, MeanDividesByTheCount) {
  check_op([](Values v) { return mean(v[0]); }, {normal({6, 7})});
  check_op([](Values v) { return mean(v[0], {0, 2}); }, {normal({2, 3, 4})});
  const RefArray m = evaluate([](Values v) { return mean(v[0], {1}); },
                              {testing::values({2, 2}, {1, 3, 5, 9})});
  EXPECT_EQ(m.v, (std::vector<double>{2, 7}));
}

TEST(Reduce, TiesShareTheGradient) {
  const auto gradient = [](Values v) {
    return gradients(sum(reduce_max(v[0], {1}) * v[1]), std::span(v.data(), 1))[0];
  };
  const In x = testing::values({2, 3}, {2, 2, 1, 0, 5, -1}), weight = testing::values({2}, {3, 4});
  EXPECT_EQ(evaluate(gradient, {x, weight}).v, (std::vector<double>{1.5, 1.5, 0, 0, 4, 0}));
  check_op(gradient, {x, weight}, {.gradient = false});
}

TEST(Reduce, NanShows) {
  for (const int64_t at : {0, 3, 40, 69}) {
    In x = distinct({7, 10});
    x.values[at] = kNan;
    for (const int64_t axis : {0, 1}) {
      check_op([&](Values v) { return reduce_max(v[0], {axis}); }, {x}, {.gradient = false});
      check_op([&](Values v) { return reduce_min(v[0], {axis}); }, {x}, {.gradient = false});
      check_op([&](Values v) { return arg_max(v[0], axis); }, {x}, {.gradient = false});
    }
  }
}

TEST(ArgMax, IsTheFirstOfTies) {
  const auto index = [](Values v) { return arg_max(v[0]); };
  const In x = testing::values({3, 3}, {1, 2, 2, 5, 5, 5, -1, -3, -2});
  EXPECT_EQ(evaluate(index, {x}).v, (std::vector<double>{1, 0, 0}));
  check_op(index, {x}, {.gradient = false});
  check_op([](Values v) { return arg_max(v[0], 1); }, {distinct({3, 4, 5})}, {.gradient = false});
}

TEST(Reduce, BatchAxisIsTracked) {
  Graph g;
  const auto in = [&](int batch) {
    return input(g, fmt::format("x{}", batch), {DType::f32, {4, 5, 6}, batch}, Role::data);
  };
  EXPECT_EQ(reduce_sum(in(0), {0}).type().batch, kNoBatch);
  EXPECT_EQ(reduce_sum(in(1), {0}).type().batch, 0);
  EXPECT_EQ(reduce_sum(in(1), {0}, true).type().batch, 1);
  EXPECT_EQ(reduce_sum(in(kMixedBatch), {0}).type().batch, kMixedBatch);
  EXPECT_EQ(reduce_max(in(0), {0}).type().batch, kMixedBatch);
  EXPECT_EQ(reduce_max(in(2), {0, 1}).type().batch, 0);
  EXPECT_EQ(arg_max(in(0), -1).type().batch, 0);
  EXPECT_EQ(arg_max(in(2), -1).type().batch, kMixedBatch);
  EXPECT_EQ(mean(in(0)).type().batch, kNoBatch);
}

TEST(Reduce, RefusesWhatItCannotDo) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {4, 5}}, Role::data);
  const Value empty = input(g, "empty", {DType::f32, {0, 5}}, Role::data);
  const Value label = input(g, "label", {DType::i32, {4}}, Role::data);
  EXPECT_THROW(reduce_sum(x, {}), UserError);
  EXPECT_THROW(reduce_sum(x, {2}), UserError);
  EXPECT_THROW(reduce_sum(x, {1, -1}), UserError);
  EXPECT_THROW(reduce_sum(label, {0}), UserError);
  EXPECT_THROW(reduce_max(empty, {0}), UserError);
  EXPECT_THROW(mean(empty), UserError);
  EXPECT_THROW(arg_max(x, 2), UserError);
}

const testing::Samples kSamples = {
    {&ops::reduce_sum, [](Graph& g) { return reduce_sum(testing::rows(g), {0}); }},
    {&ops::reduce_max, [](Graph& g) { return reduce_max(testing::rows(g), {1}); }},
    {&ops::reduce_min, [](Graph& g) { return reduce_min(testing::rows(g), {1}); }},
    {&ops::arg_max, [](Graph& g) { return arg_max(testing::rows(g)); }},
};

}  // namespace
}  // namespace omni
