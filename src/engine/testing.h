// Inputs for the engine's tests.
#pragma once

#include "ops/leaf.h"

namespace omni::testing {

inline Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}
inline Value parameter(Graph& g, const char* name, Shape shape) {
  return input(g, name, {DType::f32, std::move(shape)}, Role::parameter);
}

}  // namespace omni::testing
