#include "nn/init.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace omni {
namespace {

std::vector<float> draw(const Init& init, const Shape& shape, uint64_t seed = 1) {
  std::vector<float> out(static_cast<size_t>(shape.count()));
  initialise({"w", shape, init}, Key::of(seed), out);
  return out;
}

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

Moments moments(const std::vector<float>& v) {
  Moments m;
  const auto n = static_cast<double>(v.size());
  m.mean = std::accumulate(v.begin(), v.end(), 0.0) / n;
  for (const float x : v) {
    m.deviation += (x - m.mean) * (x - m.mean);
    m.largest = std::max(m.largest, std::abs(double{x}));
  }
  m.deviation = std::sqrt(m.deviation / n);
  return m;
}

TEST(FillNormal, IsBoxMullerOfTheDocumentedWords) {
  std::vector<float> out(100'003);
  const Key key = Key::of(5).fold("w");
  fill_normal(key, out);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto words = philox(key.bits, static_cast<uint32_t>(i / 4), 0, 0, 0);
    const size_t pair = i % 4 / 2 * 2;
    const double u = ((words[pair] >> 8) + 1) * 0x1.0p-24;
    const double angle = 2 * std::numbers::pi * (words[pair + 1] >> 8) * 0x1.0p-24;
    const double radius = std::sqrt(-2 * std::log(u));
    const double wanted = radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
    ASSERT_NEAR(out[i], wanted, 2e-6) << i;
  }
}

TEST(FillNormal, ShorterIsAPrefix) {
  std::vector<float> longer(5000), shorter(1027);
  fill_normal(Key::of(1), longer);
  fill_normal(Key::of(1), shorter);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(FillNormal, HasTheMomentsOfANormal) {
  std::vector<float> v(400'000);
  fill_normal(Key::of(2), v);
  const Moments m = moments(v);
  EXPECT_NEAR(m.mean, 0, 0.01);
  EXPECT_NEAR(m.deviation, 1, 0.01);
  double fourth = 0, neighbours = 0;
  for (const float x : v) fourth += std::pow(x, 4) / static_cast<double>(v.size());
  for (size_t i = 1; i < v.size(); ++i)
    neighbours += v[i] * v[i - 1] / static_cast<double>(v.size());
  EXPECT_NEAR(fourth, 3, 0.06);
  EXPECT_NEAR(neighbours, 0, 0.01);
}

// Bits written down once: they are promised to be the same on every machine.
TEST(FillNormal, BitsAreFixed) {
  std::vector<float> v(8);
  fill_normal(Key{0x0123456789abcdef}, v);
  const float wanted[8] = {0x1.c2d7c2p-4f,  -0x1.9b2fd6p-1f, -0x1.1c9b64p+1f, 0x1.341f9ep-2f,
                           -0x1.862f54p-2f, 0x1.9637d8p-1f,  -0x1.c27366p-2f, -0x1.49ff5ep+0f};
  for (size_t i = 0; i < v.size(); ++i) EXPECT_EQ(v[i], wanted[i]) << i;
}

TEST(Init, ScalesFollowTheFans) {
  const Shape linear = {200, 300}, conv = {16, 8, 3, 3};
  EXPECT_DOUBLE_EQ(scale_for(init::lecun_normal(), linear, "w"), 1 / std::sqrt(300.0));
  EXPECT_DOUBLE_EQ(scale_for(init::he_normal(), conv, "w"), std::sqrt(2 / 72.0));
  EXPECT_DOUBLE_EQ(scale_for(init::pytorch_linear(), conv, "w"), 1 / std::sqrt(72.0));
  EXPECT_DOUBLE_EQ(scale_for(init::xavier_normal(), conv, "w"), std::sqrt(2 / (72.0 + 144.0)));
  EXPECT_DOUBLE_EQ(scale_for(init::xavier_uniform(), linear, "w"), std::sqrt(6 / 500.0));
  EXPECT_DOUBLE_EQ(scale_for(init::he_uniform(), linear, "w"), std::sqrt(6 / 300.0));
}

TEST(Init, DrawsFollowTheScales) {
  const Shape shape = {200, 300};
  const Moments he = moments(draw(init::he_normal(), shape));
  EXPECT_NEAR(he.deviation, std::sqrt(2 / 300.0), 0.001);
  const Moments pytorch = moments(draw(init::pytorch_linear(), shape));
  EXPECT_NEAR(pytorch.deviation, 1 / std::sqrt(3 * 300.0), 0.001);
  EXPECT_LE(pytorch.largest, 1 / std::sqrt(300.0));
  EXPECT_GT(pytorch.largest, 0.99 / std::sqrt(300.0));
  EXPECT_NEAR(moments(draw(init::uniform(2, 4), shape)).mean, 3, 0.02);
  EXPECT_NEAR(moments(draw(init::normal(5, 0.5), shape)).mean, 5, 0.02);
  EXPECT_EQ(draw(init::ones(), {3}), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(draw(init::zeros(), {2}), (std::vector<float>{0, 0}));
}

void expect_orthogonal(const Shape& shape, double gain) {
  const auto w = draw(init::orthogonal(gain), shape);
  const int64_t rows = shape[0], columns = shape.count() / rows;
  const bool by_rows = rows <= columns;
  const auto at = [&](int64_t vector, int64_t k) {
    return double{w[static_cast<size_t>(by_rows ? vector * columns + k : k * columns + vector)]};
  };
  for (int64_t i = 0; i < std::min(rows, columns); ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double product = 0;
      for (int64_t k = 0; k < std::max(rows, columns); ++k) product += at(i, k) * at(j, k);
      ASSERT_NEAR(product, i == j ? gain * gain : 0, 1e-5) << i << ", " << j;
    }
}

TEST(Init, OrthogonalIsOrthogonalInAnyShape) {
  expect_orthogonal({20, 50}, 1);
  expect_orthogonal({50, 20}, 2);
  expect_orthogonal({32, 32}, 1);
  expect_orthogonal({8, 3, 3, 3}, 1.5);
}

TEST(Init, DependsOnTheKeyAlone) {
  EXPECT_EQ(draw(init::he_normal(), {30, 40}, 7), draw(init::he_normal(), {30, 40}, 7));
  EXPECT_NE(draw(init::he_normal(), {30, 40}, 7), draw(init::he_normal(), {30, 40}, 8));
}

TEST(Init, RefusesShapesItCannotFill) {
  EXPECT_THROW(scale_for(init::he_normal(), {10}, "bias"), UserError);
  EXPECT_THROW(scale_for(init::orthogonal(), {10}, "bias"), UserError);
  EXPECT_NO_THROW(scale_for(init::zeros(), {10}, "bias"));
}

}  // namespace
}  // namespace omni
