#include "base/statistics.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "base/random.h"

namespace omni {
namespace {

TEST(Statistics, SummaryOfAKnownSample) {
  const std::array v = {1.0, 2.0, 3.0, kNaN, 4.0};
  const Summary s = summarize(v);
  EXPECT_EQ(s.n, 4);
  EXPECT_EQ(s.excluded, 1);
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  EXPECT_NEAR(s.deviation, 1.2909944487358056, 1e-12);
  EXPECT_NEAR(s.interval.high - s.mean, 3.182446305284263 * 1.2909944487358056 / 2, 1e-9);
}

// The t-interval is right for small n: the normal one would cover 81, 88 and 92 %.
TEST(Statistics, IntervalsCoverNinetyFivePercentForSmallN) {
  constexpr int kTrials = 20000;
  for (const int n : {3, 5, 10}) {
    Stream stream(Key::of(7).fold("coverage").fold(static_cast<uint64_t>(n)));
    int covered = 0, paired = 0;
    std::vector<double> a(n), b(n);
    for (int trial = 0; trial < kTrials; ++trial) {
      for (double& v : a) v = 0.4 + 0.1 * stream.normal();
      for (int i = 0; i < n; ++i) b[i] = a[i] - 0.2 + 0.03 * stream.normal();
      covered += summarize(a).interval.contains(0.4);
      paired += paired_difference(a, b).interval.contains(0.2);
    }
    // Four standard errors of a share of 0.95 over 20,000 trials are 0.006.
    EXPECT_NEAR(covered / double(kTrials), 0.95, 0.006) << "n = " << n;
    EXPECT_NEAR(paired / double(kTrials), 0.95, 0.006) << "n = " << n;
  }
}

TEST(Statistics, TooFewValuesHaveNoInterval) {
  EXPECT_FALSE(summarize(std::array{1.0}).interval.known());
  EXPECT_TRUE(std::isnan(summarize({}).mean));
  EXPECT_FALSE(wilson_interval(0, 0).known());
}

TEST(Statistics, EqualValuesHaveNoDeviation) {
  const std::vector<double> v(7, 0.1);
  const Summary s = summarize(v);
  EXPECT_EQ(s.deviation, 0);
  EXPECT_EQ(s.mean, 0.1);
}

TEST(Statistics, WilsonAgainstPublishedValues) {
  // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29, Wilson score.
  const auto near = [](Interval i, double low, double high) {
    EXPECT_NEAR(i.low, low, 5e-5);
    EXPECT_NEAR(i.high, high, 5e-5);
  };
  near(wilson_interval(81, 263), 0.2553, 0.3662);
  near(wilson_interval(15, 148), 0.0624, 0.1605);
  near(wilson_interval(0, 20), 0.0, 0.1611);
  near(wilson_interval(1, 29), 0.0061, 0.1718);
}

TEST(Statistics, ExactIntervalAgainstPublishedValues) {
  // Newcombe 1998, table I: the same samples, Clopper-Pearson.
  const auto near = [](Interval i, double low, double high) {
    EXPECT_NEAR(i.low, low, 5e-5);
    EXPECT_NEAR(i.high, high, 5e-5);
  };
  near(exact_interval(81, 263), 0.2527, 0.3676);
  near(exact_interval(15, 148), 0.0578, 0.1617);
  near(exact_interval(0, 20), 0.0, 0.1684);
  near(exact_interval(1, 29), 0.0009, 0.1776);
  EXPECT_FALSE(exact_interval(0, 0).known());
}

// No simulation: the chance of each number of successes is known.
TEST(Statistics, IntervalsOfSharesCoverAsTheySay) {
  const auto coverage = [](auto interval, int n, double share) {
    double covered = 0;
    for (int k = 0; k <= n; ++k)
      if (interval(k, n, 0.95).contains(share))
        covered += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) +
                            k * std::log(share) + (n - k) * std::log1p(-share));
    return covered;
  };
  constexpr int kShares = 999;
  for (const int n : {3, 5, 10, 30}) {
    double wilson = 0;
    for (int i = 1; i <= kShares; ++i) {
      const double share = i / (kShares + 1.0);
      wilson += coverage(wilson_interval, n, share) / kShares;
      EXPECT_GE(coverage(exact_interval, n, share), 0.95 - 1e-12) << n << " " << share;
    }
    EXPECT_NEAR(wilson, 0.95, 0.015) << n;
  }
  // Why claims do not use Wilson's: near 0 and 1 it covers far less.
  EXPECT_LT(coverage(wilson_interval, 10, 0.0178), 0.85);
}

// Two samples of unequal size and spread; near the level, as Welch's degrees of freedom are an
// approximation.
TEST(Statistics, WelchCoversNinetyFivePercent) {
  constexpr int kTrials = 20000;
  Stream stream(Key::of(8).fold("welch"));
  for (const auto& [n, m, spread] :
       {std::tuple{3, 3, 1.0}, {5, 10, 3.0}, {10, 5, 1.0}, {30, 10, 0.3}}) {
    int covered = 0;
    std::vector<double> a(n), b(m);
    for (int trial = 0; trial < kTrials; ++trial) {
      for (double& v : a) v = 0.4 + stream.normal();
      for (double& v : b) v = 0.1 + spread * stream.normal();
      covered += welch_difference(a, b).interval.contains(0.3);
    }
    EXPECT_NEAR(covered / double(kTrials), 0.95, 0.016) << n << " " << m;
  }
}

// What a t-interval does not do: the long tail that makes the mean is seldom in a small sample.
TEST(Statistics, SkewedMeansAreCoveredLess) {
  constexpr int kTrials = 20000;
  Stream stream(Key::of(9).fold("skewed"));
  int covered = 0;
  std::vector<double> v(10);
  for (int trial = 0; trial < kTrials; ++trial) {
    for (double& x : v) x = std::exp(stream.normal());
    covered += summarize(v).interval.contains(std::exp(0.5));
  }
  EXPECT_NEAR(covered / double(kTrials), 0.84, 0.01);
}

TEST(Statistics, EffectSizes) {
  const std::array a = {2.0, 4.0, 6.0}, b = {1.0, 2.0, 3.0};
  EXPECT_DOUBLE_EQ(cohen_d_paired(a, b), 2.0);
  EXPECT_NEAR(cohen_d_unpaired(a, b), 2 / std::sqrt(2.5), 1e-12);
  EXPECT_TRUE(std::isnan(cohen_d_paired(a, a)));
}

TEST(Statistics, WelchIsTheTTestWhereSizesAndSpreadsAreEqual) {
  const std::array a = {1.0, 2.0, 3.0}, b = {2.0, 3.0, 4.0};
  const Summary d = welch_difference(a, b);
  EXPECT_NEAR(d.mean, -1, 1e-12);
  EXPECT_NEAR(d.interval.high - d.mean, 2.7764451051977987 * std::sqrt(2.0 / 3), 1e-9);  // t(4)
}

// Six targets rated by four judges: Shrout & Fleiss 1979, tables 2 to 4.
const std::vector<double> kRatings = {9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8,
                                      7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7};

TEST(Statistics, IntraclassCorrelationOfAPublishedExample) {
  std::vector<std::vector<double>> targets;
  for (size_t i = 0; i < kRatings.size(); i += 4)
    targets.emplace_back(kRatings.begin() + i, kRatings.begin() + i + 4);
  const OneWayVariance v = one_way_variance(targets);
  EXPECT_NEAR(v.within, 6.26, 5e-3);
  EXPECT_NEAR(v.within + 4 * v.between, 11.24, 5e-3);  // the mean square between targets
  EXPECT_NEAR(v.icc(), 0.17, 5e-3);
}

// By hand: groups {1, 3}, {5}; mean 3; within 2, between squares 2 * 1 + 4 = 6, size 4/3.
TEST(Statistics, OneWayVarianceOfUnequalGroups) {
  const std::vector<std::vector<double>> groups = {{1, 3, kNaN}, {5}, {}};
  const OneWayVariance v = one_way_variance(groups);
  EXPECT_DOUBLE_EQ(v.within, 2);
  EXPECT_DOUBLE_EQ(v.between, 3);
  EXPECT_DOUBLE_EQ(v.icc(), 0.6);
  const std::vector<std::vector<double>> one_group = {{1, 2}}, no_repeats = {{1}, {2}};
  EXPECT_TRUE(std::isnan(one_way_variance(one_group).icc()));
  EXPECT_TRUE(std::isnan(one_way_variance(no_repeats).icc()));
}

TEST(Statistics, TwoWayVarianceOfAPublishedExample) {
  const TwoWayVariance v = two_way_variance(kRatings, 4);
  EXPECT_NEAR(v.rest, 1.02, 5e-3);
  EXPECT_NEAR(v.rest + 4 * v.row, 11.24, 5e-3);
  EXPECT_NEAR(v.rest + 6 * v.column, 32.49, 5e-3);
  EXPECT_NEAR(v.row / v.total(), 0.29, 5e-3);  // their ICC(2,1)
}

// By hand: means 2 and 4, 2 and 4, no interaction.
TEST(Statistics, TwoWayVarianceOfAnAdditiveGrid) {
  const TwoWayVariance v = two_way_variance(std::array{1.0, 3.0, 3.0, 5.0}, 2);
  EXPECT_NEAR(v.row, 2, 1e-12);
  EXPECT_NEAR(v.column, 2, 1e-12);
  EXPECT_NEAR(v.rest, 0, 1e-12);
  EXPECT_TRUE(std::isnan(two_way_variance(std::array{1.0, 3.0, kNaN, 5.0}, 2).total()));
  EXPECT_THROW(two_way_variance(std::array{1.0, 3.0, 5.0}, 2), Bug);
}

// The smallest samples there are, averaged: estimators that cut at zero would be biased upwards.
TEST(Statistics, VarianceComponentsHaveNoBias) {
  constexpr int kTrials = 40000;
  Stream stream(Key::of(5).fold("components"));
  OneWayVariance one{0, 0};
  TwoWayVariance two{0, 0, 0};
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto group = [&](size_t n) {
      std::vector<double> v(n, 0.5 * stream.normal());
      for (double& x : v) x += stream.normal();
      return v;
    };
    const std::vector<std::vector<double>> groups = {group(2), group(1), group(3)};
    const OneWayVariance o = one_way_variance(groups);
    one.between += o.between / kTrials;
    one.within += o.within / kTrials;
    const std::array row = {0.6 * stream.normal(), 0.6 * stream.normal()};
    const std::array column = {0.3 * stream.normal(), 0.3 * stream.normal()};
    std::vector<double> grid;
    for (const double r : row)
      for (const double c : column) grid.push_back(r + c + stream.normal());
    const TwoWayVariance t = two_way_variance(grid, 2);
    two.row += t.row / kTrials;
    two.column += t.column / kTrials;
    two.rest += t.rest / kTrials;
  }
  EXPECT_NEAR(one.between, 0.25, 0.02);
  EXPECT_NEAR(one.within, 1, 0.02);
  EXPECT_NEAR(two.row, 0.36, 0.03);
  EXPECT_NEAR(two.column, 0.09, 0.03);
  EXPECT_NEAR(two.rest, 1, 0.03);
}

TEST(Statistics, SpearmanByHand) {
  const std::array a = {1.0, 2.0, 3.0, 4.0, 5.0};
  EXPECT_DOUBLE_EQ(spearman(a, std::array{1.0, 8.0, 27.0, 64.0, 125.0}), 1);
  EXPECT_DOUBLE_EQ(spearman(a, std::array{5.0, 4.0, 3.0, 2.0, 1.0}), -1);
  // Ranks 2, 1, 4, 3, 5: 1 - 6 * 4 / (5 * 24).
  EXPECT_DOUBLE_EQ(spearman(a, std::array{20.0, 10.0, 40.0, 30.0, 50.0}), 0.8);
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(spearman(std::array{1.0, 2.0, 2.0, 3.0}, std::array{1.0, 2.0, 3.0, 4.0}),
              4.5 / std::sqrt(22.5), 1e-12);
  EXPECT_DOUBLE_EQ(spearman(std::array{1.0, kNaN, 3.0}, std::array{2.0, 9.0, 1.0}), -1);
  EXPECT_TRUE(std::isnan(spearman(std::array{1.0, 1.0}, std::array{1.0, 2.0})));
}

}  // namespace
}  // namespace omni
