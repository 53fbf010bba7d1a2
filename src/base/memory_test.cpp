#include "base/memory.h"

#include <gtest/gtest.h>

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
