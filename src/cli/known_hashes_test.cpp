#include "cli/known_hashes.h"

#include <gtest/gtest.h>

#include "base/machine.h"
#include "executors/cpu/limits.h"

namespace omni::cli {
namespace {

// Where the table was made it must hold, with the instructions that it lists.
TEST(KnownHashes, HoldOnTheirMachine) {
  if (processor_name() != kTableProcessor) GTEST_SKIP() << "another processor";
  const Platform platform = this_platform();
  const std::vector<SelfTest> tests = self_test(cpu::limits().bf16_storage);
  for (const SelfTest& t : tests) {
    const uint64_t known = known_hash(platform, t.name);
    EXPECT_TRUE(known == 0 || t.hash == known) << t.name << "\n"
                                               << known_hash_rows(platform, tests);
  }
}

TEST(KnownHashes, AnotherPlatformHasNone) {
  EXPECT_EQ(known_hash({"0.0.1", "AVX2", "AVX2"}, "mlp f32"), 0u);
  EXPECT_NE(known_hash({"2.6.3", "AVX2", "AVX2"}, "mlp f32"), 0u);
  EXPECT_EQ(known_hash({"2.6.3", "AVX2", "AVX2"}, "mlp bf16"), 0u) << "AVX2 stores f32 words";
}

TEST(KnownHashes, RowsAreSourceText) {
  SelfTest t;
  t.name = "mlp f32";
  t.hash = 0x12;
  EXPECT_EQ(known_hash_rows({"2.6.3", "AVX2", "SSE4"}, std::vector{t}),
            "    {\"2.6.3\", \"AVX2\", \"SSE4\", \"mlp f32\", 0x0000000000000012},\n");
}

}  // namespace
}  // namespace omni::cli
