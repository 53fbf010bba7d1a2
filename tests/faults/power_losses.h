// A run whose machine loses its power at one of many moments, and which is resumed.
#pragma once

namespace omni::faults {

// At `moments` places spread over all changes to the disk, each with names lost and kept.
void expect_power_losses_lose_nothing(int threads, int moments);

}  // namespace omni::faults
