#include <gtest/gtest.h>

#include <set>

#include "base/test_folder.h"
#include "disk_log.h"
#include "power_losses.h"
#include "small_run.h"
#include "store/files.h"

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

// Whatever the moment of a loss: no name stands for content that is not on the disk, and no name is
// forgotten once something else was done.
TEST(PowerLoss, FilesAreSyncedBeforeTheyAreNamedAndTheirNamesAfter) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers and LD_PRELOAD do not go together";
#endif
  const TestFolder folder;
  const std::filesystem::path log = folder.path() / "log", work = folder.path() / "work";
  std::filesystem::create_directory(work);
  const Ended ended = run(SmallRun{.threads = 1}.words(work / "run"),
                          watched(work, {{"OMNI_FAULT_LOG", log.string()}}));
  ASSERT_EQ(ended.code, 0) << ended.shown();
  const std::vector<Change> changes = read_log(log);
  std::set<std::string> unsynced;
  int renames = 0;
  for (size_t i = 0; i + 1 < changes.size(); ++i) {
    const Change& c = changes[i];
    if (c.what == "write") unsynced.insert(c.path);
    if (c.what == "sync") unsynced.erase(c.path);
    if (c.what != "rename") continue;
    ++renames;
    EXPECT_FALSE(unsynced.contains(c.path)) << c.data << " was not synced before";
    const Change& next = changes[i + 1];
    EXPECT_EQ(next.what + " " + next.path,
              "sync " + std::filesystem::path(c.data).parent_path().string())
        << "after the name " << c.data;
  }
  EXPECT_GT(renames, 3);
}

TEST(PowerLoss, ARunIsResumed) { expect_power_losses_lose_nothing(1, 10); }

}  // namespace
}  // namespace omni::faults
