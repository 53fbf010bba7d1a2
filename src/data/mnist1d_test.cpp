#include "data/mnist1d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace omni {
namespace {

TEST(Mnist1d, HasItsShapeAndBalancedClasses) {
  const Dataset data = mnist1d(Key::of(1), 400, 100);
  EXPECT_EQ(data.shape, (std::vector<int64_t>{40}));
  EXPECT_EQ(data.train.x.type(), SampleType::f32);
  EXPECT_EQ(data.train.x.f32().size(), 400u * 40);
  std::array<int, 10> counts{};
  for (const int32_t y : data.train.y) ++counts.at(y);
  for (const int count : counts) EXPECT_EQ(count, 40);
  EXPECT_NE(std::vector(data.train.y.begin(), data.train.y.begin() + 10),
            std::vector(data.train.y.begin() + 10, data.train.y.begin() + 20));
}

TEST(Mnist1d, IsStandardised) {
  const Dataset data = mnist1d(Key::of(2), 20000, 1);
  double sum = 0, squares = 0;
  for (const float v : data.train.x.f32()) {
    ASSERT_TRUE(std::isfinite(v));
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  const double n = 20000 * 40, mean = sum / n;
  EXPECT_NEAR(mean, 0, 0.02);
  EXPECT_NEAR(squares / n - mean * mean, 1, 0.02);
}

TEST(Mnist1d, ASampleDependsOnKeyAndPositionAlone) {
  const Dataset small = mnist1d(Key::of(3), 50, 20), large = mnist1d(Key::of(3), 90, 40);
  const auto a = small.train.x.f32(), b = large.train.x.f32();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
  EXPECT_TRUE(std::equal(small.train.y.begin(), small.train.y.end(), large.train.y.begin()));
  const auto c = small.test.x.f32(), d = large.test.x.f32();
  EXPECT_TRUE(std::equal(c.begin(), c.end(), d.begin()));
  EXPECT_FALSE(std::equal(c.begin(), c.end(), a.begin())) << "test samples repeat training ones";
  EXPECT_EQ(small.hash, mnist1d(Key::of(3), 50, 20).hash);
  EXPECT_NE(small.hash, mnist1d(Key::of(4), 50, 20).hash);
}

// Without chance the procedure is plain: the template, then flat zero, all standardised.
TEST(Mnist1d, WithoutNoiseAClassIsItsTemplate) {
  const Mnist1dOptions still{.least_padding = 60, .most_padding = 60, .scale_range = 0,
                             .translations = 1, .correlated_noise = 0, .independent_noise = 0,
                             .shear_range = 0, .length = 72};
  const Dataset data = mnist1d(Key::of(5), 10, 10, still);
  for (int i = 0; i < 10; ++i) {
    const std::span<const float> x = data.train.x.f32().subspan(i * 72, 72);
    for (int step = 12; step < 72; ++step) EXPECT_NEAR(x[step], x[0], 1e-5);
    if (data.train.y[i] == 0) {
      // Heights 5, 6, 6.5, 6.75, 7: the first step up is half of the way to the top.
      EXPECT_NEAR((x[1] - x[0]) / (x[4] - x[0]), 0.5, 1e-5);
      EXPECT_GT(x[4], x[0]);
    }
  }
}

TEST(Mnist1d, RefusesImpossibleSettings) {
  EXPECT_THROW(mnist1d(Key::of(1), 0, 10), UserError);
  EXPECT_THROW(mnist1d(Key::of(1), 10, 10, {.length = 1}), UserError);
  EXPECT_THROW(mnist1d(Key::of(1), 10, 10, {.translations = 73}), UserError);
  EXPECT_THROW(mnist1d(Key::of(1), 10, 10, {.least_padding = 61}), UserError);
}

}  // namespace
}  // namespace omni
