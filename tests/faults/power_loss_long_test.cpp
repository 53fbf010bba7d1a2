#include <gtest/gtest.h>

#include "power_losses.h"

namespace omni::faults {
namespace {

TEST(PowerLossLong, ARunOfOneThreadIsResumed) { expect_power_losses_lose_nothing(1, 100); }
TEST(PowerLossLong, ARunOfTwoThreadsIsResumed) { expect_power_losses_lose_nothing(2, 100); }

}  // namespace
}  // namespace omni::faults
