// Disks that fail: every kind of call, in the default suite at some of the places where it is made.
#include <gtest/gtest.h>

#include "failing_calls.h"

namespace omni::faults {
namespace {

constexpr int kMost = 6;

TEST(FailingCalls, WriteToAFullDisk) { expect_clear_failures({"write", ENOSPC, true}, kMost); }
TEST(FailingCalls, Write) { expect_clear_failures({"write", EIO}, kMost); }
TEST(FailingCalls, WriteOfAPart) { expect_clear_failures({"write", 0}, kMost); }
TEST(FailingCalls, Read) { expect_clear_failures({"read", EIO}, kMost); }
TEST(FailingCalls, Open) { expect_clear_failures({"open", EACCES}, kMost); }
TEST(FailingCalls, Sync) { expect_clear_failures({"sync", EIO}, kMost); }
TEST(FailingCalls, Rename) { expect_clear_failures({"rename", EACCES}, kMost); }
TEST(FailingCalls, Remove) { expect_clear_failures({"remove", EIO}, kMost); }
TEST(FailingCalls, Truncate) { expect_clear_failures({"truncate", EIO}, kMost); }
TEST(FailingCalls, Memory) { expect_clear_failures({"memory", ENOMEM}, 2 * kMost); }

}  // namespace
}  // namespace omni::faults
