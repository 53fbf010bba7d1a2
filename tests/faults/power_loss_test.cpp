#include <gtest/gtest.h>

#include "disk_log.h"
#include "power_losses.h"
#include "store/files.h"
#include "store/test_folder.h"

namespace omni::faults {
namespace {

TEST(PowerLoss, TheModelOfADiskKeepsWhatWasSyncedAlone) {
  Disk disk;
  disk.apply({"create", "new", "", 0});
  disk.apply({"write", "new", "abc", 0});
  disk.apply({"sync", "new", "", 0});
  disk.apply({"write", "new", "d", 3});
  const TestFolder lost, kept, renamed;
  disk.write_remains(lost.path(), UnsyncedNames::lost);
  disk.write_remains(kept.path(), UnsyncedNames::kept);
  EXPECT_FALSE(std::filesystem::exists(lost.path() / "new"));
  EXPECT_EQ(read_file(kept.path() / "new"), "abc");
  disk.apply({"rename", "new", "old", 0});
  disk.apply({"sync", "", "", 0});
  disk.apply({"remove", "old", "", 0});
  disk.write_remains(renamed.path(), UnsyncedNames::lost);
  EXPECT_EQ(read_file(renamed.path() / "old"), "abc");
}

TEST(PowerLoss, ARunIsTakenUpAgain) { expect_power_losses_lose_nothing(1, 10); }

}  // namespace
}  // namespace omni::faults
