// Ops that move or rename elements without computing: reshape, transpose, slice, concat, pad.
// They keep the dtype of their input: f32, i32 or u8.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef reshape, transpose, slice, concat, pad;
}

// As the end of a slice: up to the end of the axis, however long it is.
inline constexpr int64_t kToEnd = -1;

// The same elements in the same order seen with another shape; costs nothing. One dimension may be
// -1: it is what remains. The batch axis stays one if the output has an axis of that length with as
// many elements before it; otherwise samples are mixed. Where a batch of length 1 leaves a
// choice, the axis of the same number is taken if it fits, else the first that does.
Value reshape(Value v, Shape shape);

// [rows, ...] -> [rows, everything else].
Value flatten(Value v);

// Axis i of the output is axis perm[i] of v (negative axes count from the back).
Value transpose(Value v, std::vector<int64_t> perm);

// Elements begin..end-1 of one axis, or of every axis; 0 <= begin < end <= dimension, end may be
// kToEnd. The batch axis is kept when it is taken whole, otherwise samples are mixed.
Value slice(Value v, int64_t axis, int64_t begin, int64_t end);
Value slice(Value v, std::vector<int64_t> begins, std::vector<int64_t> ends);

// Values of equal shapes but for `axis`, one after another along it. Along the batch axis, and next
// to values that lack the batch axis of the others, samples are mixed.
Value concat(std::span<const Value> values, int64_t axis);
Value concat(std::initializer_list<Value> values, int64_t axis);

// before[i] copies of `value` before, after[i] after the elements of axis i.
Value pad(Value v, std::vector<int64_t> before, std::vector<int64_t> after, double value = 0);

}  // namespace omni
