// Pooling against plain loops: windows that touch, overlap, leave gaps, or hang over the edge.
#include "ops/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using namespace testing;

struct Case {
  const char* name;
  Shape image;
  Pool2d options;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

const Case kCases[] = {
    {"Tiled16", {3, 4, 6, 16}, {}},
    {"Tiled35", {2, 4, 4, 35}, {}},       // whole vectors and a rest
    {"Tiled1", {2, 6, 4, 1}, {}},
    {"Tiled3x2", {2, 6, 4, 3}, {.kernel = {3, 2}}},
    {"LeftOver", {2, 5, 7, 17}, {}},
    {"Overlap", {2, 6, 7, 3}, {.kernel = {3, 3}, .stride = {2, 1}}},
    {"Padded", {2, 5, 6, 16}, {.kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}}},
    {"Gaps", {2, 9, 8, 5}, {.kernel = {2, 1}, .stride = {4, 3}, .padding = {1, 0}}},
    {"Whole", {2, 5, 3, 20}, {.kernel = {5, 3}}},
    {"One", {2, 2, 3, 4}, {.kernel = {1, 1}}},
};

class PoolTest : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c() const { return GetParam(); }
  Shape pooled() const {
    Graph g;
    return avg_pool2d(input(g, "x", {DType::f32, c().image}, Role::data), c().options).shape();
  }
};

In distinct_images(const Shape& s, uint64_t salt) {
  In in = distinct(s, 0.05, salt);
  in.type.batch = 0;
  return in;
}

TEST_P(PoolTest, Max) {
  check_op([&](std::vector<Value> in) { return max_pool2d(in[0], c().options); },
           {distinct_images(c().image, 1)});
}

TEST_P(PoolTest, MaxGradient) {
  In x = distinct_images(c().image, 2);
  x.gradient = false;
  check_op([&](std::vector<Value> in) { return max_pool2d_gradient(in[0], in[1], c().options); },
           {x, normal(pooled(), 3, 0)});
}

TEST_P(PoolTest, Pick) {
  In x = distinct_images(c().image, 4);
  x.gradient = false;
  check_op([&](std::vector<Value> in) { return max_pool2d_pick(in[0], in[1], c().options); },
           {x, normal(c().image, 5, 0)});
}

TEST_P(PoolTest, Avg) {
  check_op([&](std::vector<Value> in) { return avg_pool2d(in[0], c().options); },
           {normal(c().image, 6, 0)});
}

TEST_P(PoolTest, AvgGradient) {
  check_op(
      [&](std::vector<Value> in) {
        return avg_pool2d_gradient(in[0], c().image, c().options);
      },
      {normal(pooled(), 7, 0)});
}

INSTANTIATE_TEST_SUITE_P(All, PoolTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MaxPool2d, DifferentiatesTwice) {
  check_op(
      [](std::vector<Value> in) {
        const Value y = max_pool2d(in[0], {.kernel = {2, 2}, .stride = {1, 2}});
        const Value d = gradients(sum(y * y * y), std::vector<Value>{in[0]})[0];
        return sum(d * d);
      },
      {distinct({2, 4, 4, 2}, 0.05, 1)}, {.tolerance = 1e-4, .gradient_tolerance = 1e-4});
}

std::vector<double> run(const std::function<Value(std::vector<Value>)>& make,
                        const std::vector<In>& inputs) {
  return evaluate(make, inputs).v;
}

TEST(MaxPool2d, GivesATieToItsFirstPlace) {
  const auto scatter = [](std::vector<Value> in) {
    return max_pool2d_gradient(in[0], in[1], {});
  };
  const In x = values({1, 2, 4, 1}, {1, 2, 5, 0, 2, 2, 5, 5}), dy = values({1, 1, 2, 1}, {10, 20});
  EXPECT_EQ(run(scatter, {x, dy}), (std::vector<double>{0, 10, 20, 0, 0, 0, 0, 0}));
  check_op(scatter, {x, dy}, {.gradient = false});
  // As after a ReLU: whole vectors of channels, many of them zero.
  check_op(scatter, {full({2, 4, 4, 19}, 0.0), normal({2, 2, 2, 19}, 1)}, {.gradient = false});
}

TEST(MaxPool2d, PaddingNeverWins) {
  const Pool2d padded = {.kernel = {2, 2}, .stride = {2, 2}, .padding = {1, 1}};
  const auto pool = [&](std::vector<Value> in) { return max_pool2d(in[0], padded); };
  EXPECT_EQ(run(pool, {full({1, 2, 2, 1}, -3)}), (std::vector<double>{-3, -3, -3, -3}));
  check_op(pool, {full({1, 2, 2, 1}, -3)}, {.gradient = false});
}

TEST(MaxPool2d, ShowsNaNAndInfinity) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const int64_t channels : {1, 16}) {
    std::vector<double> x;
    for (const double v : {1.0, nan, -inf, -inf, 3.0, 2.0, -inf, -inf})
      x.insert(x.end(), channels, v);
    const auto pool = [](std::vector<Value> in) { return max_pool2d(in[0]); };
    const auto y = run(pool, {values({1, 2, 4, channels}, x)});
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(y[channels], -inf);
  }
}

TEST(Pool2d, CarriesTheBatchAxis) {
  Graph g;
  const auto images = [&](const char* name, int batch) {
    return input(g, name, {DType::f32, {4, 4, 4, 2}, batch}, Role::data);
  };
  const Value x = images("x", 0), same = images("same", kNoBatch), rows = images("rows", 1);
  EXPECT_EQ(max_pool2d(x).type(), (Type{DType::f32, {4, 2, 2, 2}, 0}));
  EXPECT_EQ(avg_pool2d(same).type().batch, kNoBatch);
  EXPECT_EQ(avg_pool2d(rows).type().batch, kMixedBatch);
  EXPECT_EQ(max_pool2d_gradient(x, max_pool2d(x), {}).type(), x.type());
  EXPECT_EQ(max_pool2d_pick(x, same, {}).type().batch, kMixedBatch);
  EXPECT_EQ(avg_pool2d_gradient(avg_pool2d(x), x.shape(), {}).type(), x.type());
}

TEST(Pool2d, RefusesWithReasons) {
  Graph g;
  const auto make = [&](const char* name, DType t, const Shape& s) {
    return input(g, name, {t, s, 0}, Role::data);
  };
  const Value x = make("x", DType::f32, {4, 4, 4, 2});
  expect_refused([&] { max_pool2d(make("flat", DType::f32, {4, 8})); },
                 "max_pool2d: x must be images [B, H, W, C], got f32[4*, 8]");
  expect_refused([&] { avg_pool2d(make("pixels", DType::u8, {4, 4, 4, 1})); },
                 "avg_pool2d: x must be f32");
  expect_refused([&] { max_pool2d(make("empty", DType::f32, {4, 0, 4, 1})); }, "length 0");
  expect_refused([&] { max_pool2d(x, {.kernel = {5, 2}}); }, "has 5 rows");
  expect_refused([&] { max_pool2d(x, {.kernel = {0, 2}}); }, "kernel must be at least 1");
  expect_refused([&] { max_pool2d(x, {.stride = {-1, 2}}); }, "stride must be at least 1");
  expect_refused([&] { max_pool2d(x, {.padding = {2, 0}}); }, "from 0 to half of the kernel 2");
  expect_refused([&] { max_pool2d_gradient(x, x, {}); }, "pooled to [4, 2, 2, 2], dy is");
  expect_refused([&] { avg_pool2d_gradient(x, {4, 4, 4, 2}, {}); }, "avg_pool2d_gradient");
}

const testing::Samples kSamples = {
    {&ops::max_pool2d, [](Graph& g) { return max_pool2d(images(g)); }},
    {&ops::max_pool2d_gradient,
     [](Graph& g) {
       return max_pool2d_gradient(images(g), f32(g, "dy", {2, 2, 2, 3}, 0), {});
     }},
    {&ops::max_pool2d_pick,
     [](Graph& g) { return max_pool2d_pick(images(g), images(g, "v"), {}); }},
    {&ops::avg_pool2d, [](Graph& g) { return avg_pool2d(images(g)); }},
    {&ops::avg_pool2d_gradient,
     [](Graph& g) {
       return avg_pool2d_gradient(f32(g, "dy", {2, 2, 2, 3}, 0), {2, 4, 4, 3}, {});
     }},
};

}  // namespace
}  // namespace omni
