// Ops that compute every element on its own: arithmetic, functions, comparisons, choices.
//
// Inputs broadcast by NumPy's rule; the result is f32 of the common shape. Inputs may be f32, i32
// or u8 (converted to f32 when read: whole numbers are exact below 2^24). NaN follows IEEE:
// arithmetic, maximum, minimum, relu and clamp return NaN if an input is NaN, comparisons return 0
// (not_equal 1). Chains of these ops run as one pass over memory.
#pragma once

#include <span>

#include "graph/graph.h"

namespace omni {

// Each entry of the table is a function, Value softplus(Value x) or Value div(Value a, Value b), and
// its definition ops::softplus, ops::div.
#define OMNI_ELEMENTWISE(name, inputs, ...) \
  namespace ops {                           \
  extern const OpDef name;                  \
  }                                         \
  Value name(OMNI_EACH(OMNI_VALUE, inputs));
#define OMNI_OPTIMIZER_STEP(name, inputs, singles, ...) \
  namespace ops {                                       \
  extern const OpDef name;                              \
  }                                                     \
  Value name(OMNI_EACH(OMNI_VALUE, inputs), OMNI_EACH(OMNI_VALUE, singles));
#include "ops/elementwise_table.h"

namespace ops {
extern const OpDef to_f32, to_i32, broadcast_to, round_to_bf16;
}

// The values added in the order given: ((v0 + v1) + v2) + ... At least one.
Value sum_n(std::span<const Value> values);

Value operator+(Value a, Value b);
Value operator-(Value a, Value b);
Value operator*(Value a, Value b);
Value operator/(Value a, Value b);
Value operator+(Value a, double b);
Value operator-(Value a, double b);
Value operator*(Value a, double b);
Value operator/(Value a, double b);
Value operator+(double a, Value b);
Value operator-(double a, Value b);
Value operator*(double a, Value b);
Value operator/(double a, Value b);
Value operator-(Value a);

Value clamp(Value x, double low, double high);  // gradient passes where low <= x <= high

Value equal(Value a, double b);
Value not_equal(Value a, double b);
Value less(Value a, double b);
Value less_equal(Value a, double b);
Value greater(Value a, double b);
Value greater_equal(Value a, double b);
Value logical_not(Value a);  // of zeros and ones
Value logical_and(Value a, Value b);
Value logical_or(Value a, Value b);

// --- Types and shapes ---
// The same numbers as f32 or i32. To i32: towards zero, saturating at the ends of the range, NaN
// becomes 0, and no gradient passes.
Value convert(Value v, DType to);
// The nearest number that bf16 has (ties to even), as f32; no gradient passes.
Value round_to_bf16(Value x);
// v stretched to shape `to`, whose axis `batch` counts samples. Where v has a batch axis itself,
// the result's is that one, and naming another is a UserError.
Value broadcast_to(Value v, const Shape& to, int batch = kNoBatch);

}  // namespace omni
