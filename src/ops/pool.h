// Pooling of channels-last images [B, H, W, C] over windows of rows and columns, per channel.
// Lengths: OH = floor((H + 2 padding - kernel) / stride) + 1; rows left over at the end are
// ignored.
#pragma once

#include <array>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef max_pool2d, max_pool2d_gradient, max_pool2d_pick;
extern const OpDef avg_pool2d, avg_pool2d_gradient;

// Whether n is a gradient of max pooling over windows of 2 x 2 that touch and do not overlap: one
// may be written over its image by who reads each window before writing it.
bool may_overwrite_image(const Node& n);
}  // namespace ops

struct Pool2d {
  std::array<int64_t, 2> kernel = {2, 2};   // rows, columns
  std::array<int64_t, 2> stride = {0, 0};   // 0: the kernel's length, so that windows only touch
  std::array<int64_t, 2> padding = {0, 0};  // on both sides; at most half of the kernel
};

// [B, H, W, C] -> [B, OH, OW, C]: the largest value of each window. Padding never wins. Ties go to
// the first place in row-major order; a NaN wins over everything, so that divergence shows.
Value max_pool2d(Value x, const Pool2d& options = {});

// Scatters dy [B, OH, OW, C] to the place of each window's maximum in x [B, H, W, C], adding where
// windows overlap; the whole cotangent of a tie goes to its first place. The places do not move
// with x: no gradient flows to x.
Value max_pool2d_gradient(Value x, Value dy, const Pool2d& options);

// Reads v [B, H, W, C] at the place of each window's maximum in x [B, H, W, C] -> [B, OH, OW, C]:
// the transpose of max_pool2d_gradient, and the derivative of max_pool2d along v.
Value max_pool2d_pick(Value x, Value v, const Pool2d& options);

// [B, H, W, C] -> [B, OH, OW, C]: each window's sum divided by the kernel's area; padding counts as
// zeros.
Value avg_pool2d(Value x, const Pool2d& options = {});

// The transpose of avg_pool2d: dy [B, OH, OW, C] -> `input` = [B, H, W, C].
Value avg_pool2d_gradient(Value dy, const Shape& input, const Pool2d& options);

}  // namespace omni
