// Random values inside a graph, as pure functions of who asks: which key, what for, which step and
// which sample. They do not depend on the batch, on threads, or on what was drawn before.
//
//   key      i32 [2], the model's 64-bit key: low word, high word
//   step     i32 scalar, the training step (or whatever else counts draws)
//   index    i32 [R], the global number of each row, batched or not
//   purpose  a visible name such as "dropout.1": draws of different purposes are independent
//   row      the shape of one row
//
// All return f32 [R, row...], batched like the index. Element j of row r (in row-major order within
// the row) is made of word j % 4 of Philox4x32-10 (base/random.h) at the counter
// (j / 4, index[r], step, low 32 bits of hash_text(purpose)). They have no gradient.
#pragma once

#include <string>

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef random_uniform, random_normal;
}

// unit_float(word): uniform in [0, 1), a multiple of 2^-24.
Value random_uniform(Value key, Value step, Value index, const std::string& purpose,
                     const Shape& row);

// N(0, 1) by Box and Muller from the pairs of words (0, 1) and (2, 3). With words (a, b) of a pair,
// u = ((a >> 8) + 1) / 2^24 in (0, 1], t = (b >> 8) / 2^24 and radius = sqrt(-2 ln u), the even
// element is radius cos(2 pi t) and the odd one radius sin(2 pi t). |value| < 5.77; the error is
// below 2e-6.
Value random_normal(Value key, Value step, Value index, const std::string& purpose,
                    const Shape& row);

// 1 with probability p, else 0: random_uniform < p. A value p must broadcast to [R, row...].
Value random_bernoulli(Value key, Value step, Value index, const std::string& purpose,
                       const Shape& row, double p);
Value random_bernoulli(Value key, Value step, Value index, const std::string& purpose,
                       const Shape& row, Value p);

}  // namespace omni
