// What CPUs bring to an op: its definition points at an OpPlan (OpDef::cpu).
#pragma once

#include <cstdint>

namespace omni::cpu {

class Planner;

// One block of an elementwise op: out[i] = f(in[0][i], in[1][i], ...) for i < n, all f32, 64-byte
// aligned, n <= kBlock; out may equal any in.
using BlockKernel = void (*)(const float* const* in, float* out, int64_t n);
inline constexpr int64_t kBlock = 1024;  // floats; five or so blocks of 4 KiB stay in a 32 KiB L1

// Either of the two.
struct OpPlan {
  void (*plan)(Planner&, int id) = nullptr;  // adds the steps of node `id`
  BlockKernel block = nullptr;               // of an elementwise op: passes are made of these
};

template <void (*plan)(Planner&, int id)>
inline constexpr OpPlan planned_by = {.plan = plan};

}  // namespace omni::cpu
