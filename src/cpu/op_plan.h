// What CPUs bring to an op: its definition points at an OpPlan (OpDef::cpu).
#pragma once

#include <cstdint>

namespace omni::cpu {

class Planner;

// Adds the steps of node `id`.
using PlanNode = void (*)(Planner&, int id);

// One block of an elementwise op: out[i] = f(in[0][i], in[1][i], ...) for i < n, all f32, 64-byte
// aligned, n <= kBlock; out may equal any in.
using BlockKernel = void (*)(const float* const* in, float* out, int64_t n);
inline constexpr int64_t kBlock = 1024;  // floats; five or so blocks of 4 KiB stay in a 32 KiB L1

// The same of numbers as they are stored: of bf16 words, and of bytes beside a single value.
using WordKernel = void (*)(const uint16_t* const* in, uint16_t* out, int64_t n);
using ByteKernel = void (*)(const uint8_t* in, float single, float* out, int64_t n);

// How CPUs run an op. Elementwise ops have `block`, of which fused passes are made, others `plan`.
struct OpPlan {
  PlanNode plan = nullptr;
  BlockKernel block = nullptr;

  // Ways round the block kernel that give the same bits, for passes to take where they fit:
  bool copies = false;            // the result is the input: stored from where that lies
  WordKernel on_words = nullptr;  // all inputs are bf16, and so is the result
  ByteKernel on_bytes = nullptr;  // of two inputs, in either order, one is u8 and one a single f32
};

constexpr OpPlan plan_of(PlanNode plan) { return {.plan = plan}; }
constexpr OpPlan plan_of(BlockKernel block) { return {.block = block}; }

// The plan of an op that is run by `by`, a PlanNode or a BlockKernel:
// .cpu = &cpu::planned_by<plan_softmax>.
template <auto by>
inline constexpr OpPlan planned_by = plan_of(by);

}  // namespace omni::cpu
