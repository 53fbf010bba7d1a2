#include "lab/quantity.h"

#include <gtest/gtest.h>

#include <vector>

namespace omni {
namespace {

const Quantity kA(0.9, {0, 1, 500}), kB(0.2, {0, 1, 500});

TEST(Quantity, DifferencesOfSharesLieBetweenMinusOneAndOne) {
  const Quantity d = kA - kB;
  EXPECT_DOUBLE_EQ(d, 0.7);
  EXPECT_EQ(d.range, (Range{-1, 1})) << "and are no share of so many cases";
}

TEST(Quantity, SumsAndMultiplesKeepTrack) {
  EXPECT_EQ((kA + kB).range, (Range{0, 2}));
  EXPECT_EQ((kA - 2 * kB).range, (Range{-2, 1}));
  EXPECT_EQ((kA * -0.5).range, (Range{-0.5, 0}));
  EXPECT_DOUBLE_EQ((kA - 0.32).range.low, -0.32);
  EXPECT_DOUBLE_EQ((kA - 0.32).range.high, 0.68);
  EXPECT_DOUBLE_EQ(kA - 2 * kB, 0.5);
}

TEST(Quantity, WhatElseIsMadeOfThemCanLieAnywhere) {
  EXPECT_FALSE(Quantity(kA / kB).range.bounded());
  EXPECT_FALSE((kA - Quantity(3.0)).range.bounded());
  EXPECT_EQ(within(-0.4, -1, 1).range, (Range{-1, 1}));
}

TEST(Quantity, PartsAndSizesKeepTrack) {
  EXPECT_DOUBLE_EQ(kA / 3, 0.3);
  EXPECT_EQ((kA / 2).range, (Range{0, 0.5}));
  EXPECT_EQ((kA / -0.5).range, (Range{-2, 0}));
  EXPECT_FALSE((kA / 0).range.bounded());
  EXPECT_DOUBLE_EQ(abs(kB - kA), 0.7);
  EXPECT_EQ(abs(kB - kA).range, (Range{0, 1}));
  EXPECT_EQ(abs(kA - 3).range, (Range{2, 3}));
  EXPECT_EQ(abs(kA + 1).range, (Range{1, 2}));
  EXPECT_EQ(abs(Quantity(-2.0)).range, (Range{0, std::numeric_limits<double>::infinity()}));
  EXPECT_TRUE(std::isnan(abs(Quantity(kNaN)).value));
}

TEST(Quantity, OneEndIsKeptTrackOfAsWell) {
  const Quantity loss(0.5, {0, std::numeric_limits<double>::infinity()});
  EXPECT_TRUE((2 * loss + 1).range.one_sided());
  EXPECT_EQ((2 * loss + 1).range.low, 1);
  EXPECT_EQ((-loss).range.high, 0);
  EXPECT_EQ((kA - loss).range.high, 1);
  EXPECT_FALSE((loss - loss).range.has_end());
}

TEST(Quantity, TheLargestOfSeveralIsMissingIfOneIs) {
  const std::vector<Quantity> all = {kB, kA, kB - kA};
  EXPECT_DOUBLE_EQ(most_of(all), 0.9);
  EXPECT_EQ(most_of(all).range, (Range{-1, 1}));
  EXPECT_EQ(most_of(std::vector<Quantity>{kA, kB}).range, (Range{0, 1, 500}));
  EXPECT_TRUE(std::isnan(most_of(std::vector<Quantity>{kA, kNaN}).value));
  EXPECT_TRUE(std::isnan(most_of({}).value));
}

TEST(Quantity, TheLeastOfSeveralIsMissingIfOneIs) {
  const std::vector<Quantity> all = {kA, kB, kA - kB};
  EXPECT_DOUBLE_EQ(least_of(all), 0.2);
  EXPECT_EQ(least_of(all).range, (Range{-1, 1}));
  for (const std::vector<Quantity>& some :
       {std::vector<Quantity>{}, {kNaN, kA}, {kA, kNaN, kB}, {kA, kNaN}})
    EXPECT_TRUE(std::isnan(least_of(some).value));
  EXPECT_EQ(least_of(std::vector<Quantity>{kA, kB}).range, (Range{0, 1, 500}));
}

}  // namespace
}  // namespace omni
