#include "base/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/float_mode.h"

namespace omni {
namespace {

TEST(AlignedBytes, OwnsAlignedMemory) {
  AlignedBytes a(100), empty;
  EXPECT_EQ(a.size(), 100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.data()) % kAlignment, 0u);
  EXPECT_EQ(empty.data(), nullptr);
  const std::byte* at = a.data();
  AlignedBytes b = std::move(a);
  EXPECT_EQ(b.data(), at);
  empty = std::move(b);
  EXPECT_EQ(empty.data(), at);
  EXPECT_EQ(empty.size(), 100);
}

TEST(RoundUp, ToMultiples) {
  EXPECT_EQ(round_up(0, 64), 0);
  EXPECT_EQ(round_up(1, 64), 64);
  EXPECT_EQ(round_up(64, 64), 64);
  EXPECT_EQ(round_up(65, 64), 128);
}

TEST(Zero, WritesTheBlockAndNothingBesideIt) {
  for (const int64_t bytes : {int64_t{0}, int64_t{100}, int64_t{1} << 18, (int64_t{5} << 20) + 3}) {
    AlignedBytes block(bytes + 200);
    std::fill_n(block.data(), block.size(), std::byte{7});
    zero(block.data() + 100, bytes);
    const auto is = [&](int64_t from, int64_t to, std::byte value) {
      return std::count(block.data() + from, block.data() + to, value) == to - from;
    };
    EXPECT_TRUE(is(0, 100, std::byte{7})) << bytes;
    EXPECT_TRUE(is(100, 100 + bytes, std::byte{0})) << bytes;
    EXPECT_TRUE(is(100 + bytes, 200 + bytes, std::byte{7})) << bytes;
  }
}

TEST(FloatMode, FlushesDenormalsWhileItLives) {
  volatile float tiny = std::numeric_limits<float>::min(), half = 0.5f;
  EXPECT_GT(tiny * half, 0);
  {
    const FloatMode mode;
    volatile float flushed = tiny * half;
    EXPECT_EQ(flushed, 0);
  }
  volatile float again = tiny * half;
  EXPECT_GT(again, 0);
}

}  // namespace
}  // namespace omni
