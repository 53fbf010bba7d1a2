// Two-dimensional convolution (cross-correlation, as deep-learning libraries have it) of images.
// Images are [B, H, W, C], channels last, in logic and in memory, so that pooling, elementwise ops
// and reshapes see dense rows of channels; kernels keep PyTorch's order [O, C, kh, kw].
//
// The three ops are bilinear and each is the gradient of the others, so any order of derivative
// stays among them. Lengths: OH = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1.
// Under bf16 precision they read bf16 and sum in f32.
#pragma once

#include <array>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef conv2d, conv2d_input_gradient, conv2d_weight_gradient;
}

struct Conv2d {
  std::array<int64_t, 2> stride = {1, 1};    // rows, columns
  std::array<int64_t, 2> padding = {0, 0};   // zeros added on both sides
  std::array<int64_t, 2> dilation = {1, 1};  // distance between the kernel's taps; 1 is dense
};

// x [B, H, W, C], w [O, C, kh, kw] -> [B, OH, OW, O]:
// y[b, i, j, o] = sum over r, s, c of x[b, i stride - padding + r dilation, ..., c] w[o, c, r, s].
// Throws UserError for wrong ranks, channels that differ, or a kernel larger than the padded image.
Value conv2d(Value x, Value w, const Conv2d& options = {});

// The cotangent of x: dy [B, OH, OW, O], w [O, C, kh, kw] -> `input` = [B, H, W, C]. By itself it
// is the transposed convolution. `input` must be a shape from which conv2d makes dy's.
Value conv2d_input_gradient(Value dy, Value w, const Shape& input, const Conv2d& options = {});

// The cotangent of w, summed over the batch: x [B, H, W, C], dy [B, OH, OW, O] -> [O, C, kh, kw]
// with kernel = {kh, kw}.
Value conv2d_weight_gradient(Value x, Value dy, std::array<int64_t, 2> kernel,
                             const Conv2d& options = {});

}  // namespace omni
