#include <gtest/gtest.h>

#include "kills.h"

namespace omni::faults {
namespace {

TEST(Kill, OneThreadLosesNothing) { expect_kills_lose_nothing(1, 6, 1); }
TEST(Kill, TwoThreadsLoseNothing) { expect_kills_lose_nothing(2, 6, 2); }

}  // namespace
}  // namespace omni::faults
