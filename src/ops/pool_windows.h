// Where the windows of a pooling op lie on its image.
#pragma once

#include <algorithm>

#include "graph/graph.h"

namespace omni::ops {

// Along rows or along columns; window i covers the places begin(i)..end(i)-1 that the image has.
struct PoolAxis {
  int64_t length, kernel, stride, padding, windows;

  PoolAxis(int64_t image_length, const Attrs& a, int axis)
      : length(image_length),
        kernel(a.list("kernel")[axis]),
        stride(a.list("stride")[axis]),
        padding(a.list("padding")[axis]),
        windows((length + 2 * padding - kernel) / stride + 1) {}

  int64_t begin(int64_t i) const { return std::max<int64_t>(i * stride - padding, 0); }
  int64_t end(int64_t i) const { return std::min(i * stride - padding + kernel, length); }
  // Whether every place of the image belongs to exactly one window.
  bool tiled() const { return stride == kernel && padding == 0 && length % kernel == 0; }
};

struct PoolWindows {
  PoolAxis rows, columns;
  int64_t channels;

  PoolWindows(const Shape& image, const Attrs& a)
      : rows(image[1], a, 0), columns(image[2], a, 1), channels(image[3]) {}

  bool tiled() const { return rows.tiled() && columns.tiled(); }
  bool two_by_two() const { return tiled() && rows.kernel == 2 && columns.kernel == 2; }
};

}  // namespace omni::ops
