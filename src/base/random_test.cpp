#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"

namespace omni {
namespace {

// Known answers of Philox4x32-10, from Random123's kat_vectors.
TEST(Philox, GivesKnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0, 0, 0),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0u, ~0u, ~0u, ~0u),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822ull, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Key, FoldsAreIndependentAndReproducible) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_TRUE(seen.insert(Key::of(seed).bits).second);
    for (const char* name : {"init", "order", ""})
      EXPECT_TRUE(seen.insert(Key::of(seed).fold(name).bits).second);
    for (uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(seen.insert(Key::of(seed).fold(i).bits).second);
  }
  EXPECT_EQ(Key::of(3).fold("init"), Key::of(3).fold("init"));
  EXPECT_NE(Key::of(3).fold("a").fold("b"), Key::of(3).fold("b").fold("a"));
}

TEST(HashText, SpreadsOverAllBits) {
  uint64_t any = 0, all = ~0ull;
  std::set<uint64_t> seen;
  for (int i = 0; i < 200; ++i) {
    const uint64_t h = hash_text(std::to_string(i));
    any |= h, all &= h;
    EXPECT_TRUE(seen.insert(h & 0xffffffff).second);  // purposes use the low half
  }
  EXPECT_EQ(any, ~0ull);
  EXPECT_EQ(all, 0u);
}

TEST(Stream, HasTheRightMoments) {
  Stream s(Key::of(1));
  constexpr int kDraws = 1'000'000;  // a variance off by 1 % is 7 standard errors off
  double uniform = 0, sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = s.uniform();
    EXPECT_TRUE(u >= 0 && u < 1);
    uniform += u / kDraws;
    const double z = s.normal();
    sum += z / kDraws, squares += z * z / kDraws, fourth += z * z * z * z / kDraws;
  }
  EXPECT_NEAR(uniform, 0.5, 0.001);
  EXPECT_NEAR(sum, 0, 0.004);
  EXPECT_NEAR(squares, 1, 0.005);
  EXPECT_NEAR(fourth, 3, 0.04);
}

TEST(Stream, BelowIsEven) {
  Stream s(Key::of(2));
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 30000; ++i) ++counts[s.below(3)];
  ASSERT_EQ(counts.size(), 3u);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 10000, 400) << value;
  EXPECT_EQ(s.below(1), 0u);
  EXPECT_THROW(s.below(0), Bug);
}

TEST(Permutation, IsOneAndDependsOnTheKey) {
  std::vector<int32_t> p = permutation(Key::of(1), 1000);
  EXPECT_EQ(p, permutation(Key::of(1), 1000));
  EXPECT_NE(p, permutation(Key::of(2), 1000));
  std::ranges::sort(p);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(p[i], i);
  EXPECT_TRUE(permutation(Key::of(1), 0).empty());
  std::map<std::vector<int32_t>, int> orders;
  for (uint64_t k = 0; k < 6000; ++k) ++orders[permutation(Key::of(k), 3)];
  ASSERT_EQ(orders.size(), 6u);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace omni
