// What CPU cores can do at most.
#pragma once

#include "engine/device_limits.h"

namespace omni::cpu {

// The same on every processor but for how bf16 precision stores what it rounds: with 16 bits where
// this processor multiplies those faster than f32, else as f32 words. Arithmetic on them is f32 all
// the same.
const DeviceLimits& limits();

}  // namespace omni::cpu
