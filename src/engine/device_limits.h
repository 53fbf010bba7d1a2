// What a device can do at most. Slices, layouts and memory plans follow from these numbers and the
// graph alone, so two machines whose devices have equal limits plan alike.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "graph/type.h"

namespace omni {

struct OpDef;

// What an elementwise op makes of single f32 numbers that are known before the run, to the bit as
// the device would compute it; nothing: it is left for the run.
using Fold = std::optional<float> (*)(const OpDef& op, std::span<const float> in);

// What a device does not state it does not do: by default nothing is cut or fused.
struct DeviceLimits {
  Fold fold = nullptr;  // of constants (engine/passes.h); null: none are folded

  // --- Slices of a batch (engine/slicing.h) ---
  int64_t slice_column_bytes = 0;  // of one value of each row of a slice; 0: batches are not cut
  int64_t slice_bytes = 0;         // of the widest activation of a slice
  int64_t partial_bytes = 0;       // of all partial sums together
  int64_t least_matrix_rows = 1;   // in a slice: fewer would starve the matrix kernels

  // --- What becomes one step (engine/layout.h) ---
  int pass_members = 1;        // ops in one elementwise pass
  int pass_registers = 1;      // values that such a pass holds at once
  bool bias_epilogue = false;  // after a matmul-like op, before it stores its result
  bool relu_epilogue = false;
  bool fused_gathers = false;  // rows picked inside of an elementwise pass

  // --- Where values stand (engine/memory_plan.h) ---
  int64_t alignment = 1;  // of every value, bytes
  // A step of elementwise ops reads an element of its inputs before it writes that of a result, and
  // put_rows writes its rows alone where the result stands in its first input: updates, too, are
  // made in place.
  bool overwrites_elementwise = false;
  // A gradient of max pooling reads every window of 2 x 2 of the image before it writes there.
  bool overwrites_pooled_image = false;

  // --- Precision (engine/precision.h) ---
  DType bf16_storage = DType::f32;  // of what bf16 precision rounds: 16 bits, or f32 words
};

}  // namespace omni
