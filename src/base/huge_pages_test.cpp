#include "base/huge_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "base/memory.h"

namespace omni {
namespace {

// The flags that the system keeps for the memory at `data`; empty where it does not tell.
std::string flags_of(const void* data) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<uintptr_t>(data);
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream range(line);
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    if (range >> std::hex >> begin >> dash >> end && dash == '-') found = begin <= at && at < end;
    if (found && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(HugePages, AreAskedForInsideLargeBlocks) {
  constexpr int64_t kMebibyte = 1 << 20;
  AlignedBytes block(64 * kMebibyte);
  ask_for_huge_pages(block.data(), block.size());
  const std::string flags = flags_of(block.data() + 32 * kMebibyte);
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled") || flags.empty())
    GTEST_SKIP() << "this system has no huge pages to ask for";
  EXPECT_NE(flags.find(" hg "), std::string::npos) << flags;
}

TEST(HugePages, AskingChangesNoByte) {
  for (const int64_t bytes : {int64_t{0}, int64_t{100}, int64_t{5} << 20}) {
    AlignedBytes block(bytes);
    std::fill_n(block.data(), bytes, std::byte{7});
    ask_for_huge_pages(block.data(), bytes);
    EXPECT_EQ(std::count(block.data(), block.data() + bytes, std::byte{7}), bytes);
  }
}

}  // namespace
}  // namespace omni
