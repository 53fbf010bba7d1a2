#include <gtest/gtest.h>

#include "kills.h"

namespace omni::faults {
namespace {

TEST(KillLong, OneThreadLosesNothing) { expect_kills_lose_nothing(1, 100, 11); }
TEST(KillLong, TwoThreadsLoseNothing) { expect_kills_lose_nothing(2, 100, 12); }

}  // namespace
}  // namespace omni::faults
