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

namespace ops {
extern const OpDef add, sub, mul, div, maximum, minimum, pow;
extern const OpDef neg, abs, sign, exp, log, log1p, sqrt, rsqrt, reciprocal, square, tanh, sigmoid,
    erf, sin, cos, softplus, relu, gelu, gelu_tanh, silu;
extern const OpDef equal, not_equal, less, less_equal, greater, greater_equal;
extern const OpDef where, where_positive;
extern const OpDef to_f32, to_i32, broadcast_to, round_to_bf16;
extern const OpDef ema, ema_square, adam_step;
}  // namespace ops

// --- Arithmetic ---
Value add(Value a, Value b);
Value sub(Value a, Value b);
Value mul(Value a, Value b);
Value div(Value a, Value b);
// Of equal values the first counts as chosen: it gets the whole gradient.
Value maximum(Value a, Value b);
Value minimum(Value a, Value b);
// a^b as C's pow: NaN for a negative a and a fractional b. Where a <= 0, b gets no gradient.
Value pow(Value a, Value b);
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

// --- Functions ---
Value neg(Value x);
Value abs(Value x);
Value sign(Value x);  // -1, 0 or 1; its gradient is zero
Value exp(Value x);
Value log(Value x);    // NaN below zero, -inf at zero
Value log1p(Value x);  // log(1 + x), exact near zero
Value sqrt(Value x);
Value rsqrt(Value x);  // 1 / sqrt(x)
Value reciprocal(Value x);
Value square(Value x);
Value tanh(Value x);
Value sigmoid(Value x);
Value erf(Value x);
Value sin(Value x);
Value cos(Value x);
Value softplus(Value x);                        // log(1 + exp(x)) without overflow
Value relu(Value x);                            // the gradient at zero is zero
Value gelu(Value x);                            // x Phi(x) (Hendrycks & Gimpel, arXiv:1606.08415)
Value gelu_tanh(Value x);                       // its usual approximation by tanh
Value silu(Value x);                            // x sigmoid(x)
Value clamp(Value x, double low, double high);  // gradient passes where low <= x <= high

// --- Truth values: 1 where it holds, else 0; gradients are zero ---
Value equal(Value a, Value b);
Value not_equal(Value a, Value b);
Value less(Value a, Value b);
Value less_equal(Value a, Value b);
Value greater(Value a, Value b);
Value greater_equal(Value a, Value b);
Value equal(Value a, double b);
Value not_equal(Value a, double b);
Value less(Value a, double b);
Value less_equal(Value a, double b);
Value greater(Value a, double b);
Value greater_equal(Value a, double b);
Value logical_not(Value a);  // of zeros and ones
Value logical_and(Value a, Value b);
Value logical_or(Value a, Value b);

// a where condition is not zero, else b; the other one's NaN does not show.
Value where(Value condition, Value a, Value b);
// a where gate > 0, else 0. No gradient to gate.
Value where_positive(Value gate, Value a);

// --- Types and shapes ---
// The same numbers as f32 or i32. To i32: towards zero, saturating at the ends of the range, NaN
// becomes 0, and no gradient passes.
Value convert(Value v, DType to);
// The nearest number that bf16 has (ties to even), as f32; no gradient passes.
Value round_to_bf16(Value x);
// v stretched to shape `to`, whose axis `batch` counts samples. Where v has a batch axis itself,
// the result's is that one, and naming another is a UserError.
Value broadcast_to(Value v, const Shape& to, int batch = kNoBatch);

// --- Steps of optimisers: one pass when beta, or lr to eps, are single values ---
Value ema(Value old, Value x, Value beta);         // beta old + (1 - beta) x
Value ema_square(Value old, Value x, Value beta);  // beta old + (1 - beta) x^2
// w - lr (m correction1) / (sqrt(v correction2) + eps): Adam (Kingma & Ba, arXiv:1412.6980) with
// correction1 = 1 / (1 - beta1^t), correction2 = 1 / (1 - beta2^t). Where v is 0, it gets no
// gradient.
Value adam_step(Value w, Value m, Value v, Value lr, Value correction1, Value correction2,
                Value eps);

}  // namespace omni
