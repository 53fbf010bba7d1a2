#include "executors/cpu/limits.h"

#include <vector>

#include "base/float_mode.h"
#include "base/memory.h"
#include "cpu/onednn.h"
#include "cpu/planner.h"

namespace omni::cpu {
namespace {

// By the kernel that would compute it at run time.
std::optional<float> fold(const OpDef& op, std::span<const float> in) {
  if (!op.cpu || !op.cpu->block) return std::nullopt;
  struct alignas(kAlignment) Single {
    float x;
  };
  std::vector<Single> values;
  for (const float x : in) values.push_back({x});
  std::vector<const float*> addresses;
  for (const Single& v : values) addresses.push_back(&v.x);
  Single out;
  const FloatMode mode;
  op.cpu->block(addresses.data(), &out.x, 1);
  return out.x;
}

}  // namespace

const DeviceLimits& limits() {
  static const DeviceLimits here = {
      .fold = fold,
      // A slice of an MLP with layers of some hundred units fits a 1-2 MiB L2 cache at 256 rows in
      // f32, at 512 with 16 bits; wide activations (images, sequences) get fewer rows.
      .slice_column_bytes = 1 << 10,
      .slice_bytes = 1 << 20,
      .partial_bytes = 32 << 20,
      .least_matrix_rows = 32,
      // Longer chains gain nothing more: their blocks fall out of the L1 cache.
      .pass_members = 40,
      .pass_registers = kMaxRegisters,
      .bias_epilogue = true,
      .relu_epilogue = true,
      .fused_gathers = true,
      .alignment = kAlignment,
      .overwrites_elementwise = true,
      .overwrites_pooled_image = true,
      .bf16_storage = onednn::multiplies_bf16_faster() ? DType::bf16 : DType::f32,
  };
  return here;
}

}  // namespace omni::cpu
