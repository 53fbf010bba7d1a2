// Normalisation against its reference and composed form, short and long rows, far from zero.
#include "ops/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::In;
using testing::normal;
using Values = std::vector<Value>;

TEST(LayerNorm, EveryWidth) {
  for (const int64_t width : {1, 2, 7, 16, 33, 64, 130}) {
    SCOPED_TRACE(width);
    const std::vector<In> in = {normal({5, width}), normal({width}, 1), normal({width}, 2)};
    check_op([](Values v) { return layer_norm(v[0], v[1], v[2]); }, in,
             {.gradient_tolerance = 1e-4});
    const RefArray fused = evaluate([](Values v) { return layer_norm(v[0], v[1], v[2]); }, in);
    const RefArray composed =
        evaluate([](Values v) { return layer_norm_composed(v[0], v[1], v[2]); }, in);
    for (size_t i = 0; i < fused.v.size(); ++i) EXPECT_NEAR(fused.v[i], composed.v[i], 1e-6);
  }
  check_op([](Values v) { return layer_norm(v[0], v[1], v[2], 0.1); },
           {normal({2, 3, 9}), normal({9}, 1), normal({9}, 2)});
}

TEST(LayerNorm, FarFromZero) {
  In x = normal({4, 50});
  for (double& v : x.values) v = 4096 + std::round(v * 64) / 64;  // exact in f32
  check_op([](Values v) { return layer_norm(v[0], v[1], v[2]); },
           {x, normal({50}, 1), normal({50}, 2)}, {.tolerance = 1e-4, .gradient = false});
}

TEST(LayerNorm, NanStaysInItsRow) {
  In x = normal({3, 20});
  x.values[25] = std::numeric_limits<double>::quiet_NaN();
  check_op([](Values v) { return layer_norm(v[0], v[1], v[2]); },
           {x, normal({20}, 1), normal({20}, 2)}, {.gradient = false});
}

TEST(LayerNorm, SecondDerivative) {
  check_op(
      [](Values v) {
        const std::array wrt = {v[0]};
        const Value loss = sum(square(layer_norm(v[0], v[1], v[2], 0.1)) * v[3]);
        return gradients(sum(gradients(loss, wrt)[0] * v[4]), wrt)[0];
      },
      {normal({3, 6}), normal({6}, 1), normal({6}, 2), normal({3, 6}, 3), normal({3, 6}, 4)},
      {.tolerance = 1e-4, .gradient_tolerance = 1e-4});
}

TEST(RmsNorm, MatchesTheReferenceOfItsParts) {
  check_op([](Values v) { return rms_norm(v[0], v[1]); }, {normal({4, 17}), normal({17}, 1)});
  const RefArray r = evaluate([](Values v) { return rms_norm(v[0], v[1], 0); },
                              {testing::values({1, 2}, {3, 4}), testing::full({2}, 2)});
  EXPECT_NEAR(r.v[0], 2 * 3 / std::sqrt(12.5), 1e-6);
}

TEST(LayerNorm, TypesAndBatchAxis) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {4, 5}, 0}, Role::data);
  const Value across = input(g, "across", {DType::f32, {4, 5}, 1}, Role::data);
  const Value gamma = input(g, "gamma", {DType::f32, {5}}, Role::parameter);
  const Value four = input(g, "four", {DType::f32, {4}}, Role::parameter);
  EXPECT_EQ(layer_norm(x, gamma, gamma).type(), (Type{DType::f32, {4, 5}, 0}));
  EXPECT_EQ(layer_norm(across, gamma, gamma).type().batch, kMixedBatch);
  EXPECT_THROW(layer_norm(x, four, gamma), UserError);
  EXPECT_THROW(layer_norm(x, gamma, four), UserError);
}

const testing::Samples kSamples = {
    {&ops::layer_norm,
     [](Graph& g) {
       return layer_norm(testing::rows(g), testing::f32(g, "gamma", {3}),
                         testing::f32(g, "beta", {3}));
     }},
};

}  // namespace
}  // namespace omni
