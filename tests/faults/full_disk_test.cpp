// Disks that are really full or really may not be written, where the system lets a test mount one.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "small_run.h"
#include "store/files.h"

namespace omni::faults {
namespace {

namespace fs = std::filesystem;

class SmallDisk {
 public:
  bool mount(const std::string& size) {
    mounted_ = ::mount("none", path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    return mounted_;
  }
  void resize(const std::string& size) {
    check(::mount("none", path().c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0,
          "cannot change the size of a disk in memory");
  }
  void protect() {
    check(::mount("none", path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0,
          "cannot make a disk in memory read-only");
  }
  ~SmallDisk() {
    if (mounted_) umount2(path().c_str(), MNT_DETACH);
  }
  const fs::path& path() const { return folder_.path(); }

 private:
  TestFolder folder_;
  bool mounted_ = false;
};

constexpr const char* kMayNotMount = "this user may not mount a disk in memory";

TEST(FullDisk, SaysSoAndGoesOnWhenThereIsRoom) {
  for (const char* size : {"4k", "20k", "60k", "100k", "140k", "200k"}) {
    SmallDisk disk;
    if (!disk.mount(size)) GTEST_SKIP() << kMayNotMount;
    const fs::path out = disk.path() / "run";
    const Ended ended = run(SmallRun{}.words(out));
    expect_civil_end(ended, size);
    if (ended.code != 0) {
      EXPECT_EQ(ended.code, 2) << ended.shown();
      EXPECT_TRUE(ended.err.find("No space left") != std::string::npos ||
                  ended.err.find("the disk is full") != std::string::npos)
          << ended.err;
      EXPECT_NE(ended.err.find(out.string()), std::string::npos) << ended.err;
    }
    EXPECT_TRUE(ended.code != 0 || std::string(size) != "4k") << "nothing fits there";
    disk.resize("16m");
    expect_finishes(SmallRun{}, out, std::string("a disk of ") + size);
  }
}

TEST(ReadOnlyDisk, IsSaidAndWhatIsThereCanBeRead) {
  const TestFolder folder;
  make_half_run(SmallRun{}, folder.path() / "half");
  SmallDisk disk;
  if (!disk.mount("16m")) GTEST_SKIP() << kMayNotMount;
  const fs::path half = disk.path() / "half", whole = disk.path() / "whole";
  fs::copy(folder.path() / "half", half, fs::copy_options::recursive);
  expect_finishes(SmallRun{}, whole, "an empty disk");
  const std::string before = stored_models(half, kSeedsOfHalf);
  disk.protect();
  for (const fs::path& out : {half, disk.path() / "new"}) {
    const Ended ended = run(SmallRun{}.words(out));
    expect_civil_end(ended, out.string());
    EXPECT_EQ(ended.code, 2) << ended.shown();
    EXPECT_NE(ended.err.find("Read-only file system"), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find(out.string()), std::string::npos) << ended.err;
  }
  const Ended report = run({OMNI_PROGRAM, "report", whole.string()});
  expect_civil_end(report, "report");
  EXPECT_EQ(report.code, 2) << report.shown();
  EXPECT_NE(report.err.find("Read-only file system"), std::string::npos) << report.err;
  const Ended shown = run(SmallRun{}.words(whole));  // finished: only shown
  EXPECT_EQ(shown.code, 0) << shown.shown();
  EXPECT_NE(shown.out.find("Claims"), std::string::npos) << shown.out;
  EXPECT_EQ(stored_models(half, kSeedsOfHalf), before);
}

}  // namespace
}  // namespace omni::faults
