// Inputs for the engine's tests, and precisions for everybody's.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "engine/available.h"
#include "ops/leaf.h"

namespace omni::testing {

inline Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}
inline Value parameter(Graph& g, const char* name, Shape shape) {
  return input(g, name, {DType::f32, std::move(shape)}, Role::parameter);
}

inline constexpr const char* kNoBf16 = "this processor has no bf16";

// Those that this machine has.
inline std::vector<Precision> precisions() {
  std::vector<Precision> all = {Precision::f32};
  if (is_available(Precision::bf16)) all.push_back(Precision::bf16);
  return all;
}

// Tests of each precision, left out where the machine does not have it.
class InPrecision : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (!is_available(GetParam())) GTEST_SKIP() << kNoBf16;
  }
};

}  // namespace omni::testing
