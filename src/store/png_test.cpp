#include "store/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace omni {
namespace {

// Decodes with libpng; the test of a writer that its own reader cannot share.
std::vector<int> decode(const std::string& png, int height, int width) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, png.data(), png.size()), 0);
  EXPECT_EQ(image.height, static_cast<png_uint_32>(height));
  EXPECT_EQ(image.width, static_cast<png_uint_32>(width));
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_GRAY)) << "one channel, 8 bits";
  std::vector<png_byte> pixels(PNG_IMAGE_SIZE(image));
  EXPECT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  return {pixels.begin(), pixels.end()};
}

TEST(Png, PixelsReadBackClamped) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {0.0f, 1.0f, 0.5f, -3.0f, 7.0f, NAN, 1e-3f, -kInfinity};
  const std::string png = encode_png(values, 2, 4);
  EXPECT_EQ(decode(png, 2, 4), (std::vector<int>{0, 255, 128, 0, 255, 0, 0, 0}));
  EXPECT_EQ(png_size(png).height, 2);
  EXPECT_EQ(png_size(png).width, 4);
  EXPECT_EQ(png, encode_png(values, 2, 4)) << "the same values give the same bytes";
}

TEST(Png, NoisePicturesFit) {
  std::vector<float> values(97 * 31);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7919 % 256) / 255;
  const std::vector<int> back = decode(encode_png(values, 97, 31), 97, 31);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(back[i], static_cast<int>(i * 7919 % 256));
}

TEST(Png, WrongSizesAndOtherBytesAreSeen) {
  EXPECT_THROW(encode_png(std::vector<float>(5), 2, 3), Bug);
  EXPECT_THROW(encode_png({}, 0, 0), Bug);
  const std::string png = encode_png(std::vector<float>(6), 2, 3);
  EXPECT_EQ(png_size("").width, 0);
  EXPECT_EQ(png_size(png.substr(0, 20)).width, 0);
  EXPECT_EQ(png_size(std::string(40, 'x')).width, 0);
}

}  // namespace
}  // namespace omni
