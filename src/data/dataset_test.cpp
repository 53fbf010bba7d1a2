#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace omni {
namespace {

TEST(Samples, AreZeroAlignedAndTyped) {
  Samples floats(SampleType::f32, 3, 5);
  EXPECT_EQ(floats.bytes().size(), 60u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(floats.bytes().data()) % 64, 0u);
  for (const float v : floats.f32()) EXPECT_EQ(v, 0);
  EXPECT_THROW(floats.u8(), Bug);
  EXPECT_EQ(Samples(SampleType::u8, 3, 5).u8().size(), 15u);
  EXPECT_THROW(Samples(SampleType::u8, 3, 5).f32(), Bug);
}

TEST(ContentHash, SeesEverySampleAndLabelOfBothSplits) {
  const auto split = [] { return Split{Samples(SampleType::u8, 2, 3), {0, 1}}; };
  const std::string same = content_hash(split(), split());
  EXPECT_EQ(same.size(), 64u);
  EXPECT_EQ(same, content_hash(split(), split()));
  Split other = split();
  other.x.u8()[5] = 1;
  EXPECT_NE(content_hash(other, split()), same);
  EXPECT_NE(content_hash(split(), other), same);
  Split relabelled = split();
  relabelled.y[1] = 2;
  EXPECT_NE(content_hash(relabelled, split()), same);
}

TEST(BalancedClass, EveryBlockHoldsEachClassOnceInItsOwnOrder) {
  std::vector<std::vector<int32_t>> blocks(2);
  for (int64_t i = 0; i < 20; ++i) blocks[i / 10].push_back(balanced_class(Key::of(1), i, 10));
  EXPECT_NE(blocks[0], blocks[1]);
  for (std::vector<int32_t>& block : blocks) {
    std::sort(block.begin(), block.end());
    for (int32_t c = 0; c < 10; ++c) EXPECT_EQ(block[c], c);
  }
}

}  // namespace
}  // namespace omni
