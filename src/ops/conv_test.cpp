// Convolutions against plain loops, over odd sizes, strides, paddings and dilations.
#include "ops/conv.h"

#include <gtest/gtest.h>

#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using namespace testing;

struct Case {
  const char* name;
  Shape x, w;
  Conv2d options;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

const Case kCases[] = {
    {"Grey3x3", {3, 7, 6, 1}, {16, 1, 3, 3}, {.padding = {1, 1}}},
    {"Colour3x3", {2, 5, 5, 3}, {4, 3, 3, 3}, {}},
    {"Wide3x3", {2, 6, 5, 16}, {32, 16, 3, 3}, {.padding = {1, 1}}},
    {"OneByOne", {3, 3, 4, 3}, {5, 3, 1, 1}, {}},
    {"OneByOneStride", {2, 5, 7, 16}, {16, 16, 1, 1}, {.stride = {2, 2}}},
    {"FiveByFive", {2, 9, 8, 1}, {3, 1, 5, 5}, {.padding = {2, 2}}},
    {"Stride", {2, 8, 7, 3}, {16, 3, 3, 3}, {.stride = {2, 3}, .padding = {1, 0}}},
    {"Uneven", {1, 4, 9, 2}, {3, 2, 1, 5}, {.stride = {1, 2}, .padding = {0, 2}}},
    {"Dilated", {2, 9, 9, 3}, {4, 3, 3, 3}, {.padding = {2, 1}, .dilation = {2, 3}}},
    {"WholeImage", {2, 4, 4, 3}, {6, 3, 4, 4}, {}},
};

class ConvTest : public ::testing::TestWithParam<Case> {
 protected:
  // The shape of conv2d's result.
  Shape output() const {
    Graph g;
    const Value x = input(g, "x", {DType::f32, GetParam().x}, Role::data);
    return conv2d(x, input(g, "w", {DType::f32, GetParam().w}, Role::parameter),
                  GetParam().options)
        .shape();
  }
};

// Rounded inputs, up to 144 terms of size 1: bf16 errs by some 12 * 2^-9 and now and then by more.
constexpr Check kCheck = {.bf16_tolerance = 0.1};

TEST_P(ConvTest, Forward) {
  const Case& c = GetParam();
  check_op([&](std::vector<Value> in) { return conv2d(in[0], in[1], c.options); },
           {normal(c.x, 1, 0), normal(c.w, 2)}, kCheck);
}

TEST_P(ConvTest, InputGradient) {
  const Case& c = GetParam();
  check_op(
      [&](std::vector<Value> in) {
        return conv2d_input_gradient(in[0], in[1], c.x, c.options);
      },
      {normal(output(), 3, 0), normal(c.w, 4)}, kCheck);
}

TEST_P(ConvTest, WeightGradient) {
  const Case& c = GetParam();
  check_op(
      [&](std::vector<Value> in) {
        return conv2d_weight_gradient(in[0], in[1], {c.w[2], c.w[3]}, c.options);
      },
      {normal(c.x, 5, 0), normal(output(), 6, 0)}, kCheck);
}

INSTANTIATE_TEST_SUITE_P(All, ConvTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Conv2d, BiasAndReluFollow) {
  check_op(
      [](std::vector<Value> in) {
        return relu(conv2d(in[0], in[1], {.padding = {1, 1}}) + in[2]);
      },
      {normal({2, 5, 5, 3}, 1, 0), normal({16, 3, 3, 3}, 2), normal({16}, 3)}, kCheck);
}

// 1x1 kernels on 1x1 images are a product of matrices: the numbers can be checked by hand.
TEST(Conv2d, KeepsPyTorchsOrderOfWeights) {
  const RefArray y = evaluate(
      [](std::vector<Value> in) { return conv2d(in[0], in[1]); },
      {values({1, 1, 3, 1}, {1, 2, 3}), values({2, 1, 1, 2}, {10, 1, -1, 0.5})});
  EXPECT_EQ(y.type.shape, (Shape{1, 1, 2, 2}));
  EXPECT_EQ(y.v, (std::vector<double>{12, 0, 23, -0.5}));  // correlation, not flipped
}

// Derivatives of derivatives: the gradient of a squared gradient, as penalties and
// Hessian-vector products need it.
TEST(Conv2d, DifferentiatesTwice) {
  const auto penalty = [](std::vector<Value> in) {
    const Value y = conv2d(in[0], in[1], {.stride = {2, 1}, .padding = {1, 1}});
    const auto d = gradients(sum(y * y * y), std::vector<Value>{in[0], in[1]});
    return sum(d[0] * d[0]) + sum(d[1] * d[1]);
  };
  check_op(penalty, {normal({2, 4, 3, 2}, 1), normal({3, 2, 3, 3}, 2)},
           {.tolerance = 1e-4, .gradient_tolerance = 1e-4});
}

Value image(Graph& g, const char* name, const Shape& s, int batch) {
  return input(g, name, {DType::f32, s, batch}, Role::data);
}

TEST(Conv2d, CarriesTheBatchAxis) {
  Graph g;
  const Value x = image(g, "x", {4, 5, 5, 2}, 0), w = image(g, "w", {3, 2, 3, 3}, kNoBatch);
  const Value y = conv2d(x, w);
  EXPECT_EQ(y.type(), (Type{DType::f32, {4, 3, 3, 3}, 0}));
  EXPECT_EQ(conv2d_input_gradient(y, w, x.shape()).type().batch, 0);
  EXPECT_EQ(conv2d_weight_gradient(x, y, {3, 3}).type().batch, kNoBatch);  // a sum over rows

  const Value same = image(g, "same", {4, 5, 5, 2}, kNoBatch);
  EXPECT_EQ(conv2d(same, w).type().batch, kNoBatch);
  EXPECT_EQ(conv2d_weight_gradient(same, y, {3, 3}).type().batch, kMixedBatch);
  EXPECT_EQ(conv2d(image(g, "columns", {4, 5, 5, 2}, 2), w).type().batch, kMixedBatch);
  EXPECT_EQ(conv2d(same, image(g, "own", {3, 2, 3, 3}, 0)).type().batch, kMixedBatch);
}

TEST(Conv2d, RefusesWithReasons) {
  Graph g;
  const Value x = image(g, "x", {4, 5, 5, 2}, 0), w = image(g, "w", {3, 2, 3, 3}, kNoBatch);
  const Value flat = image(g, "flat", {4, 50}, 0);
  const Value pixels = input(g, "pixels", {DType::u8, {4, 5, 5, 2}, 0}, Role::data);
  expect_refused([&] { conv2d(flat, w); },
                 "conv2d: x must be images [B, H, W, C], got f32[4*, 50]");
  expect_refused([&] { conv2d(pixels, w); }, "convert with to_f32");
  expect_refused([&] { conv2d(x, image(g, "w7", {3, 7, 3, 3}, kNoBatch)); }, "has 2 channels");
  expect_refused([&] { conv2d(x, image(g, "big", {3, 2, 6, 3}, kNoBatch)); }, "over 6 rows");
  expect_refused([&] { conv2d(x, image(g, "none", {0, 2, 3, 3}, kNoBatch)); }, "length 0");
  expect_refused([&] { conv2d(x, w, {.stride = {0, 1}}); }, "stride must be at least 1, got 0");
  expect_refused([&] { conv2d(x, w, {.padding = {0, -1}}); }, "padding must be at least 0, got -1");
  expect_refused([&] { conv2d(x, w, {.dilation = {0, 1}}); }, "dilation must be at least 1");
  expect_refused([&] { conv2d_input_gradient(conv2d(x, w), w, {4, 6, 5, 2}); },
                 "makes 4 rows and 3 columns");
  expect_refused([&] { conv2d_weight_gradient(x, conv2d(x, w), {2, 3}); },
                 "makes 4 rows and 3 columns");
}

TEST(Conv2d, CountsMultiplications) {
  Graph g;
  const Value x = image(g, "x", {4, 5, 5, 2}, 0), w = image(g, "w", {3, 2, 3, 3}, kNoBatch);
  const Value y = conv2d(x, w);
  const double wanted = 2.0 * 4 * 3 * 3 * 3 * 2 * 9;
  for (const Value v : {y, conv2d_input_gradient(y, w, x.shape()),
                        conv2d_weight_gradient(x, y, {3, 3})}) {
    const std::vector<Type> in = {g.node(v.node().in[0]).type, g.node(v.node().in[1]).type};
    EXPECT_EQ(v.node().op->flops(in, v.type()), wanted) << v.node().op->name;
  }
}

const testing::Samples kSamples = {
    {&ops::conv2d, [](Graph& g) { return conv2d(images(g), f32(g, "k", {5, 3, 2, 2})); }},
    {&ops::conv2d_input_gradient,
     [](Graph& g) {
       return conv2d_input_gradient(f32(g, "dy", {2, 3, 3, 5}, 0), f32(g, "k", {5, 3, 2, 2}),
                                    {2, 4, 4, 3});
     }},
    {&ops::conv2d_weight_gradient,
     [](Graph& g) {
       return conv2d_weight_gradient(images(g), f32(g, "dy", {2, 3, 3, 5}, 0), {2, 2});
     }},
};

}  // namespace
}  // namespace omni
