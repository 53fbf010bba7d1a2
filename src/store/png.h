// Small grey pictures as PNG files in memory.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace omni {

// 8-bit greyscale, 0 black and 1 white, values [height, width] by rows. What lies outside is
// clamped and NaN is black. The same values give the same bytes with the same libpng and zlib.
std::string encode_png(std::span<const float> values_0_to_1, int height, int width);

struct PngSize {
  int height = 0, width = 0;  // pixels; both 0: this is no PNG
};
PngSize png_size(std::string_view png);  // from the header alone

}  // namespace omni
