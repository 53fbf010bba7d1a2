#include "studies/by_class.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/test_support.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(ByClass, MeansOfOneNumber) {
  const std::vector<int32_t> labels = {2, 0, 2, 0, 3};
  const ByClass m(labels, std::vector<float>{1, 2, 4, 5, 9});
  EXPECT_DOUBLE_EQ(m[0], 3.5);
  EXPECT_DOUBLE_EQ(m[2], 2.5);
  EXPECT_TRUE(std::isnan(m[1]));  // without samples
  EXPECT_TRUE(std::isnan(m[7]));
  // Unweighted, whatever their sizes.
  EXPECT_DOUBLE_EQ(m.mean([](int64_t) { return true; }), (3.5 + 2.5 + 9) / 3);
  EXPECT_DOUBLE_EQ(m.mean([](int64_t c) { return c < 2; }), 3.5);
  EXPECT_TRUE(std::isnan(m.mean([](int64_t c) { return c == 1; })));
}

TEST(ByClass, MeansOfSeveral) {
  const std::vector<int32_t> labels = {1, 0, 1};
  const ByClass m(labels, std::vector<uint8_t>{255, 0, 7, 8, 0, 1});
  EXPECT_EQ(m.row(1), (std::vector<float>{127.5F, 0.5F}));
  EXPECT_EQ(m.row(0), (std::vector<float>{7, 8}));
  EXPECT_TRUE(std::isnan(m.row(2)[1]));
  EXPECT_THROW(ByClass(labels, std::vector<float>{1, 2, 3, 4}), UserError);
  EXPECT_THROW(ByClass(labels, std::vector<float>{1}), UserError);
}

TEST(ByClass, LabelsAreThoseOfASubsetInItsOrder) {
  ToyBench b;  // sample i is of class i % 3
  b.trial->add_subset("some.test", {5, 0, 4});
  EXPECT_EQ(labels_of(*b.trial, "some.test"), (std::vector<int32_t>{2, 0, 1}));
  EXPECT_EQ(labels_of(*b.trial, "test").size(), static_cast<size_t>(kToyTest));
  EXPECT_EQ(labels_of(*b.trial, "test")[4], 1);
  EXPECT_THROW(labels_of(*b.trial, "other.test"), UserError);
}

}  // namespace
}  // namespace omni
