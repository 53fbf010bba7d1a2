#include "store/png.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/error.h"

namespace omni {

std::string encode_png(std::span<const float> values_0_to_1, int height, int width) {
  check(height > 0 && width > 0 &&
            values_0_to_1.size() == static_cast<size_t>(height) * static_cast<size_t>(width),
        "picture of {} x {} pixels from {} values", height, width, values_0_to_1.size());
  std::vector<png_byte> pixels;
  pixels.reserve(values_0_to_1.size());
  for (const float v : values_0_to_1)
    pixels.push_back(static_cast<png_byte>(
        std::isnan(v) ? 0 : std::lround(255 * std::clamp(v, 0.0f, 1.0f))));

  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string png(size, '\0');
  const int done =
      png_image_write_to_memory(&image, png.data(), &size, 0, pixels.data(), 0, nullptr);
  check(done != 0, "libpng refused a picture of {} x {} pixels: {}", height, width, image.message);
  png.resize(size);
  return png;
}

// Signature of 8 bytes, length and name of the first chunk, then width and height, high byte first
// (PNG specification, sections 5.2 and 11.2.2).
PngSize png_size(std::string_view png) {
  if (png.size() < 24 || png.substr(1, 3) != "PNG" || png.substr(12, 4) != "IHDR") return {};
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(png[i]);
    return static_cast<int>(std::min<uint32_t>(value, PNG_UINT_31_MAX));
  };
  return {number(20), number(16)};
}

}  // namespace omni
