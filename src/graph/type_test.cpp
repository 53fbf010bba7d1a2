#include "graph/type.h"

#include <gtest/gtest.h>

namespace omni {
namespace {

Type f32(Shape s, int batch = kNoBatch) { return {DType::f32, std::move(s), batch}; }

TEST(Type, SizesAndText) {
  EXPECT_EQ(Shape{}.count(), 1);
  EXPECT_EQ((Shape{3, 0, 2}.count()), 0);
  EXPECT_EQ((Type{DType::bf16, {3, 4}}.bytes()), 24);
  EXPECT_EQ((Type{DType::u8, {5}}.bytes()), 5);
  EXPECT_EQ(to_string(f32({128, 784}, 0)), "f32[128*, 784]");
  EXPECT_EQ(to_string(Type{DType::i32, {2, 7}, 1}), "i32[2, 7*]");
  EXPECT_EQ(to_string(f32({4}, kMixedBatch)), "f32[4] mixed");
  EXPECT_EQ(to_string(f32({})), "f32[]");
}

TEST(Type, BroadcastsLikeNumPy) {
  EXPECT_EQ(broadcast(f32({4, 1}), f32({3}), "t"), f32({4, 3}));
  EXPECT_EQ(broadcast(f32({}), f32({2, 2}), "t"), f32({2, 2}));
  EXPECT_EQ(broadcast(f32({1}), f32({0}), "t"), f32({0}));
  EXPECT_EQ(broadcast({DType::u8, {3}}, {DType::i32, {3}}, "t"), f32({3}));
  EXPECT_THROW(broadcast(f32({2, 3}), f32({2}), "t"), UserError);
  try {
    broadcast(f32({2, 3}), f32({4, 3}), "add");
    FAIL();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "add: shapes f32[2, 3] and f32[4, 3] do not broadcast (axis 0 of 2)");
  }
}

TEST(Type, BatchAxesMeet) {
  EXPECT_EQ(broadcast(f32({8, 3}, 0), f32({3}), "t").batch, 0);
  EXPECT_EQ(broadcast(f32({3}), f32({8, 3}, 0), "t").batch, 0);
  EXPECT_EQ(broadcast(f32({8, 1}, 0), f32({8, 3}, 0), "t").batch, 0);
  EXPECT_EQ(broadcast(f32({3}, 0), f32({8, 1}), "t").batch, 1);  // counted from the last axis
  EXPECT_EQ(broadcast(f32({3}, 0), f32({8, 3}), "t").batch, kMixedBatch);  // an entry per row
  EXPECT_EQ(broadcast(f32({8, 1}, 0), f32({1, 8}, 1), "t").batch, kMixedBatch);  // all pairs
  EXPECT_EQ(broadcast(f32({8}, kMixedBatch), f32({8}, 0), "t").batch, kMixedBatch);
  EXPECT_EQ(broadcast(f32({8}), f32({8}), "t").batch, kNoBatch);
}

// Samples that happen to be as many as positions or units.
TEST(Type, SamplesDoNotMeetAnotherAxis) {
  EXPECT_THROW(broadcast(f32({8}, 0), f32({8, 8}, 0), "t"), UserError);
  EXPECT_THROW(broadcast(f32({8, 4, 8}, 0), f32({8}, 0), "t"), UserError);
  EXPECT_THROW(broadcast(f32({8, 8}, 0), f32({8, 8, 8}, 0), "t"), UserError);
  EXPECT_EQ(broadcast(f32({8, 1, 1}, 0), f32({8, 8, 8}, 0), "t").batch, 0);
  EXPECT_EQ(broadcast(f32({1}, 0), f32({1, 8}, 0), "t").shape, (Shape{1, 8}));
}

TEST(Type, AxesCountFromEitherEnd) {
  EXPECT_EQ(normal_axis(-1, 3, "t"), 2);
  EXPECT_EQ(normal_axis(0, 3, "t"), 0);
  EXPECT_THROW(normal_axis(3, 3, "t"), UserError);
  EXPECT_THROW(normal_axis(-4, 3, "t"), UserError);
  EXPECT_THROW(normal_axis(0, 0, "t"), UserError);
}

}  // namespace
}  // namespace omni
