// Disks that fail, at many calls: each of the first 41, and 79 between them and the last.
#include <gtest/gtest.h>

#include "failing_calls.h"

namespace omni::faults {
namespace {

void everywhere(const Fault& fault) { expect_clear_failures(fault, 120); }

TEST(FailingCallsLong, WriteToAFullDisk) { everywhere({"write", ENOSPC, true}); }
TEST(FailingCallsLong, Write) { everywhere({"write", EIO}); }
TEST(FailingCallsLong, WriteOfAPart) { everywhere({"write", 0}); }
TEST(FailingCallsLong, Read) { everywhere({"read", EIO}); }
TEST(FailingCallsLong, ReadOfAPart) { everywhere({"read", 0}); }
TEST(FailingCallsLong, Open) { everywhere({"open", EACCES}); }
TEST(FailingCallsLong, OpenOfTooMany) { everywhere({"open", EMFILE, true}); }
TEST(FailingCallsLong, Sync) { everywhere({"sync", EIO}); }
TEST(FailingCallsLong, SyncToAFullDisk) { everywhere({"sync", ENOSPC, true}); }
TEST(FailingCallsLong, Rename) { everywhere({"rename", EACCES}); }
TEST(FailingCallsLong, Remove) { everywhere({"remove", EIO}); }
TEST(FailingCallsLong, Truncate) { everywhere({"truncate", EIO}); }
TEST(FailingCallsLong, Memory) { everywhere({"memory", ENOMEM}); }
TEST(FailingCallsLong, MemoryForEver) { everywhere({"memory", ENOMEM, true}); }

}  // namespace
}  // namespace omni::faults
