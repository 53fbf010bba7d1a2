// Inputs for the engine's tests, and precisions for everybody's.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "cpu/onednn.h"
#include "engine/program.h"
#include "ops/leaf.h"

namespace omni::testing {

inline Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}
inline Value parameter(Graph& g, const char* name, Shape shape) {
  return input(g, name, {DType::f32, std::move(shape)}, Role::parameter);
}

// Every precision, bf16 in each storage that this processor has.
inline std::vector<ProgramOptions> every_precision() {
  std::vector<ProgramOptions> all = {{}, {Precision::bf16, {}, 1, DType::f32}};
  if (cpu::onednn::has_bf16()) all.push_back({Precision::bf16, {}, 1, DType::bf16});
  return all;
}

}  // namespace omni::testing
