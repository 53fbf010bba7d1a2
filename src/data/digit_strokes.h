// The pen paths of the ten digits in several people's ways of writing them.
#pragma once

#include <span>
#include <vector>

namespace omni {

// x to the right, y down; a digit spans about 0..0.7 by 0..1. The path is smooth through a point
// unless it is a corner.
struct PenPoint {
  double x, y;
  bool corner = false;
};
using Stroke = std::vector<PenPoint>;
using Glyph = std::vector<Stroke>;  // one way of writing a digit

std::span<const Glyph> glyphs_of(int digit);  // digit 0..9

}  // namespace omni
