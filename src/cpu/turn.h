// Matrices turned, for attention's keys and transposes of images.
#pragma once

#include <cstdint>

namespace omni::cpu {

// Words of four bytes: out[c][r] = x[r][c] for x of [rows, columns]. Rows of x and of out are
// strides apart, in bytes.
void turn_words(const void* x, int64_t x_stride, int64_t rows, int64_t columns, void* out,
                int64_t out_stride);

}  // namespace omni::cpu
