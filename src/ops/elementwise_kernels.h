// The block kernels of the elementwise ops: see BlockKernel in cpu/op_plan.h. Each follows its op's
// reference to about two units in the last place; bits depend on the element's value alone, never
// on its place in the block.
#pragma once

#include <cstdint>

namespace omni::block {

using Kernel = void(const float* const* in, float* out, int64_t n);

// elementwise_kernels.cpp
Kernel add, sub, mul, div, maximum, minimum;
Kernel neg, abs, sign, sqrt, rsqrt, reciprocal, square, relu;
Kernel equal, not_equal, less, less_equal, greater, greater_equal;
Kernel where;
Kernel to_i32;
Kernel ema, ema_square, adam_step;  // their single values (beta; lr, ...) are read at [0] alone

// elementwise_functions.cpp
Kernel pow, exp, log, log1p, tanh, sigmoid, erf, sin, cos, softplus, gelu, gelu_tanh, silu;

}  // namespace omni::block
