#include "nn/schedules.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

TEST(Schedule, ConstantIsOne) {
  const Schedule s;
  EXPECT_EQ(s(0, 10), 1);
  EXPECT_EQ(s(9, 10), 1);
}

TEST(Schedule, LinearFallsToItsEnd) {
  const Schedule s{.kind = Schedule::Kind::linear};
  EXPECT_DOUBLE_EQ(s(0, 4), 1);
  EXPECT_DOUBLE_EQ(s(1, 4), 0.75);
  EXPECT_DOUBLE_EQ(s(3, 4), 0.25);  // the end, 0, would be step 4
  const Schedule half{.kind = Schedule::Kind::linear, .final = 0.5};
  EXPECT_DOUBLE_EQ(half(2, 4), 0.75);
}

TEST(Schedule, CosineIsHalfWayInTheMiddle) {
  const Schedule s{.kind = Schedule::Kind::cosine, .final = 0.2};
  EXPECT_DOUBLE_EQ(s(0, 100), 1);
  EXPECT_NEAR(s(50, 100), 0.6, 1e-12);
  EXPECT_NEAR(s(99, 100), 0.2, 1e-3);
}

TEST(Schedule, WarmsUpToOne) {
  const Schedule s{.kind = Schedule::Kind::linear, .warmup = 4};
  EXPECT_DOUBLE_EQ(s(0, 12), 0.25);
  EXPECT_DOUBLE_EQ(s(3, 12), 1);
  EXPECT_DOUBLE_EQ(s(4, 12), 1);
  EXPECT_DOUBLE_EQ(s(8, 12), 0.5);
  EXPECT_DOUBLE_EQ(s(1, 2), 0.5);  // a run shorter than its warm-up
}

TEST(Schedule, NamesAreChecked) {
  EXPECT_EQ(schedule_kind_from_name("cosine"), Schedule::Kind::cosine);
  EXPECT_THROW(schedule_kind_from_name("cosin"), UserError);
}

}  // namespace
}  // namespace omni
