#include "base/cpu_quota.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/machine.h"
#include "base/test_folder.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

// A system's files, as far as they tell of control groups.
class System {
 public:
  System& file(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return *this;
  }
  std::optional<double> quota() const { return cpu_quota(folder_.path()); }

 private:
  TestFolder folder_;
};

constexpr const char* kMounts2 = "25 20 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
constexpr const char* kMounts1 =
    "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
constexpr const char* kGroups1 = "5:cpuset:/\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x:y\n0::/x:y\n";

TEST(CpuQuota, OfTheSecondVersion) {
  System s;
  s.file("proc/self/mountinfo", kMounts2).file("proc/self/cgroup", "0::/jobs/mine\n");
  EXPECT_EQ(s.quota(), std::nullopt);
  s.file("sys/fs/cgroup/jobs/mine/cpu.max", "max 100000\n");
  EXPECT_EQ(s.quota(), std::nullopt);
  s.file("sys/fs/cgroup/jobs/mine/cpu.max", "150000 100000\n");
  EXPECT_EQ(s.quota(), 1.5);
  s.file("sys/fs/cgroup/jobs/cpu.max", "50000 100000\n");  // a group around it allows less
  EXPECT_EQ(s.quota(), 0.5);
  s.file("sys/fs/cgroup/jobs/cpu.max", "800000 100000\n");
  EXPECT_EQ(s.quota(), 1.5);
}

TEST(CpuQuota, OfTheFirstVersion) {
  System s;
  s.file("proc/self/mountinfo", kMounts1).file("proc/self/cgroup", kGroups1);
  const std::string group = "sys/fs/cgroup/cpu,cpuacct/a/b/";
  s.file(group + "cpu.cfs_quota_us", "-1\n").file(group + "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(s.quota(), std::nullopt);
  s.file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n")
      .file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "200000\n");
  EXPECT_EQ(s.quota(), 1.5);
}

// Inside, the container's own group is the root of what is mounted, by whatever name it goes.
TEST(CpuQuota, OfContainers) {
  System named, namespaced, outside;
  named
      .file("proc/self/mountinfo",
            "9 8 0:1 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n")
      .file("proc/self/cgroup", "3:cpu:/docker/1f\n")
      .file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")
      .file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(named.quota(), 2.0);
  namespaced.file("proc/self/mountinfo", kMounts2)
      .file("proc/self/cgroup", "0::/\n")
      .file("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(namespaced.quota(), 2.5);
  outside.file("proc/self/mountinfo", kMounts2)
      .file("proc/self/cgroup", "0::/../other\n")
      .file("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(outside.quota(), 1.0);
}

TEST(CpuQuota, FilesOfAnythingElseSetNoLimit) {
  System s;
  EXPECT_EQ(s.quota(), std::nullopt);
  s.file("proc/self/mountinfo", "nonsense\n - \n1 2 3 4 5 - cgroup2\n" + std::string(kMounts2))
      .file("proc/self/cgroup", "x\n0:\n0::/g\n");
  for (const char* text : {"", "0 100000", "many few", "100000", "100000 0", "-5 100000"}) {
    s.file("sys/fs/cgroup/g/cpu.max", text);
    EXPECT_EQ(s.quota(), std::nullopt) << text;
  }
}

TEST(CpuQuota, ThereIsAlwaysACore) { EXPECT_GE(available_cores(), 1); }

}  // namespace
}  // namespace omni
