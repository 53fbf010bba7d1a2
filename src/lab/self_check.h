// Small trainings that every machine of one kind ends with the same bits: what `omni doctor` runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/type.h"

namespace omni {

// One network, trained alone on one thread, and again in every way that must not matter.
struct SelfTest {
  std::string name;   // "mlp f32"; "mlp rounded" is bf16 that is stored as f32
  uint64_t hash = 0;  // of the final weights
  // The ways whose bits were others, each with its hash; empty if all agreed.
  std::string problem;
  double seconds = 0;
};

// A perceptron with normalisation and dropout in f32 and in bf16, and a convolutional network in
// f32; each of 15 steps, the last of an epoch shorter. The other ways: on two threads, after a
// neighbour of another seed, and interrupted in the middle of an epoch. Some seconds in all.
// `bf16_storage` is how the usual executor keeps bf16 here (engine/device_limits.h).
std::vector<SelfTest> self_test(DType bf16_storage);

}  // namespace omni
