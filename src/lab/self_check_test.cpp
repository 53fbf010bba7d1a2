#include "lab/self_check.h"

#include <gtest/gtest.h>

#include <set>

#include "executors/cpu/limits.h"

namespace omni {
namespace {

const DType kStorage = cpu::limits().bf16_storage;

TEST(SelfTest, EveryWayOfTrainingGivesTheSameBits) {
  const std::vector<SelfTest> first = self_test(kStorage), again = self_test(kStorage);
  ASSERT_EQ(first.size(), 3u);
  std::set<uint64_t> hashes;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].problem, "") << first[i].name;
    EXPECT_EQ(first[i].hash, again[i].hash) << first[i].name;
    hashes.insert(first[i].hash);
  }
  EXPECT_EQ(hashes.size(), 3u) << "each network has bits of its own";
}

}  // namespace
}  // namespace omni
