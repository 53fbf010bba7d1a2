#include "data/digits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace omni {
namespace {

constexpr int kPixels = 28 * 28;

TEST(Digits, HaveMnistsShapeAndBalancedClasses) {
  const Dataset data = digits(Key::of(1), 200, 100);
  EXPECT_EQ(data.shape, (std::vector<int64_t>{28, 28}));
  EXPECT_EQ(data.train.x.u8().size(), 200u * kPixels);
  std::array<int, 10> counts{};
  for (const int32_t y : data.train.y) ++counts.at(y);
  for (const int count : counts) EXPECT_EQ(count, 20);
}

TEST(Digits, AreInkOnPaper) {
  const Dataset data = digits(Key::of(2), 2000, 10);
  double ink = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto image = data.train.x.u8().subspan(i * kPixels, kPixels);
    EXPECT_GE(*std::max_element(image.begin(), image.end()), 140) << i;
    EXPECT_GT(std::count(image.begin(), image.end(), 0), kPixels / 3) << i;
    for (const uint8_t pixel : image) ink += pixel / 255.0 / kPixels / 2000;
  }
  EXPECT_NEAR(ink, 0.13, 0.02);  // MNIST's mean is 0.1307
}

TEST(Digits, AnImageDependsOnKeyAndPositionAlone) {
  const Dataset small = digits(Key::of(3), 30, 10), large = digits(Key::of(3), 70, 30);
  const auto a = small.train.x.u8(), b = large.train.x.u8();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
  EXPECT_TRUE(std::equal(small.test.y.begin(), small.test.y.end(), large.test.y.begin()));
  const auto c = small.test.x.u8();
  EXPECT_FALSE(std::equal(c.begin(), c.end(), a.begin())) << "test images repeat training ones";
  EXPECT_EQ(small.hash, digits(Key::of(3), 30, 10).hash);
  EXPECT_NE(small.hash, digits(Key::of(4), 30, 10).hash);
}

// The classes can be told apart by eye-like comparison, yet not by their mean images alone:
// a stand-in for MNIST must be neither noise nor a toy (nearest mean image on MNIST: 0.82).
TEST(Digits, AreLearnableButNotTrivial) {
  const Dataset data = digits(Key::of(6), 4000, 1000);
  std::vector<double> means(10 * kPixels);
  for (int i = 0; i < 4000; ++i)
    for (int p = 0; p < kPixels; ++p)
      means[data.train.y[i] * kPixels + p] += data.train.x.u8()[i * kPixels + p] / 400.0;
  int right = 0;
  for (int i = 0; i < 1000; ++i) {
    int best = 0;
    double least = std::numeric_limits<double>::max();
    for (int digit = 0; digit < 10; ++digit) {
      double distance = 0;
      for (int p = 0; p < kPixels; ++p) {
        const double difference = data.test.x.u8()[i * kPixels + p] - means[digit * kPixels + p];
        distance += difference * difference;
      }
      if (distance < least) least = distance, best = digit;
    }
    right += best == data.test.y[i];
  }
  EXPECT_GT(right, 600);
  EXPECT_LT(right, 920);
}

TEST(Digits, RefuseEmptySplits) { EXPECT_THROW(digits(Key::of(1), 10, 0), UserError); }

}  // namespace
}  // namespace omni
