// Sums, means, extremes over axes. Axes may be negative; `keep` leaves them in place with length 1.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef reduce_sum, reduce_max, reduce_min, arg_max;
}

// v f32 of rank >= 1, axes not empty and without repeats. A sum over the batch axis has no batch
// axis: it is a plain sum over rows and may be computed slice by slice.
Value reduce_sum(Value v, std::vector<int64_t> axes, bool keep = false);

// The largest (smallest) entry over the axes; NaN if one of them is. Where several are equal, the
// gradient is shared equally among them. Over the batch axis the result mixes samples.
Value reduce_max(Value v, std::vector<int64_t> axes, bool keep = false);
Value reduce_min(Value v, std::vector<int64_t> axes, bool keep = false);

// Sum and mean (the sum times 1 / count) over the axes, or over everything, to a scalar.
Value sum(Value v);
Value mean(Value v);
Value mean(Value v, std::vector<int64_t> axes, bool keep = false);

// i32: the first index of the largest entry along the axis, which goes; a NaN counts as largest.
// Has no gradient rule.
Value arg_max(Value v, int64_t axis = -1);

}  // namespace omni
