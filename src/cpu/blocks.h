// Runs of numbers converted between the types that values are stored in and the f32 that is
// computed with. Any length, any alignment; nothing outside [0, n) is read or written. In and out
// may be the same place only where both have one element size.
#pragma once

#include <cstdint>

namespace omni::cpu {

// bf16 is the upper half of an f32. Storing rounds to nearest even and keeps NaN, infinity and
// denormals, exactly as round_to_bf16 of the interpreter.
void load_bf16(const uint16_t* in, float* out, int64_t n);
void store_bf16(const float* in, uint16_t* out, int64_t n);
void round_bf16(const float* in, float* out, int64_t n);  // as if stored and loaded

// Whole numbers above 2^24 are rounded when loaded. Storing goes towards zero, saturates at the
// ends of the range and makes 0 of NaN.
void load_i32(const int32_t* in, float* out, int64_t n);
void store_i32(const float* in, int32_t* out, int64_t n);
void load_u8(const uint8_t* in, float* out, int64_t n);
void scale_u8(const uint8_t* in, float factor, float* out, int64_t n);  // factor * load_u8

void fill(float value, float* out, int64_t n);
void copy(const float* in, float* out, int64_t n);

// The block kernel (BlockKernel in cpu/op_plan.h) of ops that compute nothing: they spread their
// input or store it as another type.
void copy_block(const float* const* in, float* out, int64_t n);

// The block kernel of round_to_bf16.
void round_bf16_block(const float* const* in, float* out, int64_t n);

// in[1] where in[0] > 0, else 0, of bf16 words: a choice among numbers as they stand need not widen
// and round them. Of words, denormals are not positive, as when steps run (FloatMode).
void where_positive_bf16(const uint16_t* const* in, uint16_t* out, int64_t n);

}  // namespace omni::cpu
