#include "base/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

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

// --- Means of what lies in a range ---

constexpr Range kShare{0, 1};
constexpr Range kShareOf1000{0, 1, 1000};

// Gamma variates as sums of exponential ones, so that a / (a + b) has a beta distribution.
double beta(Stream& stream, int a, int b) {
  double x = 0, y = 0;
  for (int i = 0; i < a; ++i) x -= std::log(1 - stream.uniform());
  for (int i = 0; i < b; ++i) y -= std::log(1 - stream.uniform());
  return x / (x + y);
}

TEST(BoundedMeans, IntervalsStayInTheRangeAndHoldTheMean) {
  const std::vector<std::vector<double>> samples = {
      {0.98, 1, 1}, {0, 0, 0.2, 0}, {1, 1, 1, 1}, {0.5, 0.5}, {0, 1}, {0.1, 0.3, 0.2, 0.9}};
  for (const auto& v : samples)
    for (const Range& range : {kShare, kShareOf1000, Range{-1, 1}})
      for (const double level : {0.5, 0.95, 0.9999}) {
        const Summary s = summarize(v, level, range);
        EXPECT_GE(s.interval.low, range.low);
        EXPECT_LE(s.interval.high, range.high);
        EXPECT_TRUE(s.interval.contains(s.mean)) << s.mean << " at " << level;
      }
  EXPECT_LT(summarize(samples[0]).interval.low, 0.98);
  EXPECT_GT(summarize(samples[0]).interval.high, 1) << "which a share cannot be";
}

// Far from the ends, or with little spread, it is Student's interval.
TEST(BoundedMeans, InTheMiddleTheIntervalIsStudents) {
  const std::array v = {0.51, 0.53, 0.55, 0.52};
  const Interval t = summarize(v).interval, bounded = summarize(v, 0.95, kShare).interval;
  EXPECT_NEAR(t.low, bounded.low, 2e-4);
  EXPECT_NEAR(t.high, bounded.high, 2e-4);
}

// With spread like that of n shares of one case each, and many of them, it is Wilson's.
TEST(BoundedMeans, OfZerosAndOnesItIsWilsons) {
  std::vector<double> v(2000, 0.0);
  std::fill_n(v.begin(), 60, 1.0);
  const Interval wilson = wilson_interval(60, 2000), bounded = summarize(v, 0.95, kShare).interval;
  EXPECT_NEAR(wilson.low, bounded.low, 2e-5);
  EXPECT_NEAR(wilson.high, bounded.high, 2e-5);
}

TEST(BoundedMeans, AnIntervalEndsWhereItsDistanceIsTheQuantile) {
  const std::array v = {0.97, 0.99, 1.0, 0.94};
  const Summary s = summarize(v, 0.95, kShare);
  const double quantile = 3.182446305284263;  // of t with 3 degrees of freedom
  EXPECT_NEAR(standard_errors_from(s, s.interval.low, kShare), quantile, 1e-9);
  EXPECT_NEAR(standard_errors_from(s, s.interval.high, kShare), quantile, 1e-9);
  EXPECT_EQ(standard_errors_from(s, 1, kShare), std::numeric_limits<double>::infinity());
}

// Misses on either side in percent, of the interval and of Student's.
struct Misses {
  double above = 0, below = 0, student = 0;  // the whole interval lies above the truth, below it
};
Misses misses_of(const Range& range, double truth, int n, auto draw) {
  constexpr int kTrials = 4000;
  Misses m;
  std::vector<double> v(n);
  for (int trial = 0; trial < kTrials; ++trial) {
    for (double& x : v) x = draw();
    const Interval i = summarize(v, 0.95, range).interval, t = summarize(v).interval;
    m.above += 100.0 / kTrials * (i.low > truth);
    m.below += 100.0 / kTrials * (i.high < truth);
    m.student += 100.0 / kTrials * !t.contains(truth);
  }
  return m;
}

TEST(BoundedMeans, CoverTheirLevelNearTheEnds) {
  Stream stream(Key::of(12).fold("bounded"));
  // Beta distributions: mean a / (a + b), and the more skewed, the smaller b is.
  for (const auto& [a, b] : {std::pair{20, 20}, {18, 2}, {45, 3}, {196, 4}, {3, 57}})
    for (const int n : {3, 5, 10}) {
      const Misses m = misses_of(kShare, double(a) / (a + b), n,
                                 [&, a = a, b = b] { return beta(stream, a, b); });
      EXPECT_LE(m.above + m.below, 6.5) << a << " " << b << ", n = " << n;
      EXPECT_LE(m.above + m.below, m.student + 0.5) << a << " " << b << ", n = " << n;
    }
  // The most skewed: a mean of 0.98 whose deviation is as large as its distance from 1.
  for (const int n : {3, 5, 10}) {
    const Misses m = misses_of(kShare, 49.0 / 50, n, [&] { return beta(stream, 49, 1); });
    EXPECT_LE(m.above + m.below, 8) << n;
    EXPECT_GT(m.student, 8.2) << n << ": what Student's interval would do";
  }
}

TEST(BoundedMeans, CoverTheirLevelOnTestSetsOfAThousandCases) {
  Stream stream(Key::of(13).fold("test sets"));
  const auto share = [&](double truth) {
    int hits = 0;
    for (int i = 0; i < 1000; ++i) hits += stream.uniform() < truth;
    return hits / 1000.0;
  };
  // On average half an error a model, a fifth of one, five, twenty, and half of all.
  for (const double truth : {0.0005, 0.9998, 0.005, 0.98, 0.5})
    for (const int n : {3, 5, 10}) {
      constexpr int kTrials = 1000;
      int missed = 0, student = 0;
      std::vector<double> v(n);
      for (int trial = 0; trial < kTrials; ++trial) {
        for (double& x : v) x = share(truth);
        missed += !summarize(v, 0.95, kShareOf1000).interval.contains(truth);
        student += !summarize(v).interval.contains(truth);
      }
      EXPECT_LE(missed / double(kTrials), 0.065) << truth << ", n = " << n;
      if (truth == 0.9998) {
        EXPECT_GT(student / double(kTrials), 0.1) << n;
      }
    }
}

// Without a number of cases nothing tells how much equal values may vary.
TEST(BoundedMeans, EqualValuesVaryByOneCaseWhereCasesAreKnown) {
  const std::vector<double> v(5, 1.0);
  EXPECT_EQ(summarize(v, 0.95, kShare).interval.low, 1);
  const Interval i = summarize(v, 0.95, kShareOf1000).interval;
  EXPECT_EQ(i.high, 1);
  // t(4)^2 = 7.709: low = 1 / (1 + 7.709 / 5000).
  EXPECT_NEAR(i.low, 1 / (1 + 7.709 / 5000), 1e-6);
}

TEST(BoundedMeans, DifferencesLieInADoubleRange) {
  const std::array a = {1.0, 1.0, 0.97}, b = {0.02, 0.0, 0.0};
  EXPECT_GT(paired_difference(a, b).interval.high, 1);
  const Summary d = paired_difference(a, b, 0.95, kShare);
  EXPECT_LE(d.interval.high, 1);
  EXPECT_LT(d.interval.low, d.mean);
  const Summary w = welch_difference(a, b, 0.95, kShare);
  EXPECT_LE(w.interval.high, 1);
  EXPECT_EQ(difference_range(kShareOf1000), (Range{-1, 1}));
}

// --- Means of what has one end ---

constexpr Range kError{0, std::numeric_limits<double>::infinity()};
constexpr Range kLogLikelihood{-std::numeric_limits<double>::infinity(), 0};

TEST(OneSidedMeans, IntervalsNeverCrossTheEndAndHoldTheMean) {
  const std::vector<std::vector<double>> samples = {{0.01, 0.9, 0.2}, {0, 0, 0.2},   {0.5, 0.5},
                                                    {1e-9, 1},        {7, 7.1, 6.9}, {0, 0, 0}};
  for (const auto& v : samples)
    for (const double level : {0.5, 0.95, 0.9999}) {
      const Summary s = summarize(v, level, kError);
      EXPECT_GE(s.interval.low, 0);
      EXPECT_TRUE(s.interval.contains(s.mean)) << s.mean << " at " << level;
      std::vector<double> mirrored;
      for (const double x : v) mirrored.push_back(-x);
      const Interval m = summarize(mirrored, level, kLogLikelihood).interval;
      EXPECT_EQ(m.low, -s.interval.high);
      EXPECT_EQ(m.high, -s.interval.low);
    }
  EXPECT_LT(summarize(samples[0]).interval.low, 0) << "which an error cannot be";
  EXPECT_FALSE(kError.bounded());
  EXPECT_TRUE(kError.one_sided() && kLogLikelihood.one_sided());
  EXPECT_FALSE(Range{}.has_end());
  EXPECT_EQ(difference_range(kError), Range{});
}

TEST(OneSidedMeans, FarFromTheEndTheIntervalIsStudents) {
  const std::array v = {51.0, 53.0, 55.0, 52.0};
  const Interval t = summarize(v).interval, i = summarize(v, 0.95, kError).interval;
  EXPECT_NEAR(t.low, i.low, 0.1);
  EXPECT_NEAR(t.high, i.high, 0.1);
}

// Claims hold distances against quantiles, and so do intervals: on the same scale.
TEST(OneSidedMeans, AnIntervalEndsWhereItsDistanceIsTheQuantile) {
  const std::array v = {0.2, 0.05, 0.4, 0.1};
  const double quantile = 3.182446305284263;  // of t with 3 degrees of freedom
  const Summary s = summarize(v, 0.95, kError);
  EXPECT_NEAR(standard_errors_from(s, s.interval.low, kError), quantile, 1e-9);
  EXPECT_NEAR(standard_errors_from(s, s.interval.high, kError), quantile, 1e-9);
  EXPECT_EQ(standard_errors_from(s, 0, kError), std::numeric_limits<double>::infinity());
  EXPECT_EQ(standard_errors_from(s, -1, kError), std::numeric_limits<double>::infinity());
  EXPECT_EQ(standard_errors_from(s, s.mean, kError), 0);
}

// A mean of k squares of normal variates, k = 1 (a squared error of one case), 2 (exponential), 8
// and 40: with fewer of them more skewed.
TEST(OneSidedMeans, CoverMoreThanStudentsNearTheEnd) {
  Stream stream(Key::of(14).fold("one-sided"));
  const auto of_squares = [&](int k) {
    double sum = 0;
    for (int i = 0; i < k; ++i) sum += std::pow(stream.normal(), 2);
    return sum / k;
  };
  for (const auto& [k, most] : {std::pair{40, 6.0}, {8, 6.5}, {2, 8.5}, {1, 11.0}})
    for (const int n : {3, 5, 10}) {
      const Misses m = misses_of(kError, 1, n, [&, k = k] { return of_squares(k); });
      EXPECT_LE(m.above + m.below, most) << k << ", n = " << n;
      EXPECT_LE(m.above + m.below, m.student + 0.5) << k << ", n = " << n;
      if (k == 1) {
        EXPECT_GT(m.student, 12) << n << ": what Student's interval would do";
      }
    }
}

// --- How many seeds it takes ---

// Cohen 1988, table 2.3.5 and G*Power: one-sample t-test, two-sided 0.05, power 0.9.
TEST(SeedsToTell, AgreesWithPublishedSampleSizes) {
  const auto seeds = [](double d) {  // for an effect of d deviations
    Summary s;
    s.n = 10;
    s.mean = d;
    s.deviation = 1;
    return seeds_to_tell(s, 0, 0.95);
  };
  EXPECT_EQ(seeds(0.5), 44);
  EXPECT_EQ(seeds(0.8), 19);
  EXPECT_EQ(seeds(1.0), 13);
  EXPECT_EQ(seeds(0.01), 0) << "more than 10,000";
  EXPECT_EQ(seeds(0), 0);
}

TEST(SeedsToTell, SoManyDecideNineOfTen) {
  Stream stream(Key::of(14).fold("power"));
  Summary planned;
  planned.n = 4;
  planned.mean = 0.55;
  planned.deviation = 0.1;
  const int n = seeds_to_tell(planned, 0.45, 0.95, 0.9, kShare);
  int decided = 0;
  std::vector<double> v(n);
  for (int trial = 0; trial < 4000; ++trial) {
    for (double& x : v) x = 0.55 + 0.1 * stream.normal();
    decided += summarize(v, 0.95, kShare).interval.low > 0.45;
  }
  EXPECT_GT(n, 8);
  EXPECT_LT(n, 18);
  EXPECT_NEAR(decided / 4000.0, 0.91, 0.03) << n;
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

// Values whose squares are no doubles, finite and not: nothing is thrown, and what is scaled by a
// power of two has the same statistics, scaled.
TEST(Statistics, OfTheLargestAndTheSmallestNumbers) {
  const std::vector<double> plain = {1, 1.25, 1.5, 0.75, 1.0625},
                            other = {0.5, 0.625, 1, 0.25, 0.375};
  const Summary s = summarize(plain), d = welch_difference(plain, other);
  for (const int power : {1022, 600, -600, -1000}) {
    const auto scaled = [&](std::vector<double> values) {
      for (double& v : values) v = std::ldexp(v, power);
      return values;
    };
    const std::vector<double> a = scaled(plain), b = scaled(other);
    const Summary big = summarize(a);
    EXPECT_EQ(big.mean, std::ldexp(s.mean, power));
    EXPECT_EQ(big.deviation, std::ldexp(s.deviation, power));
    EXPECT_EQ(big.interval.low, std::ldexp(s.interval.low, power));
    EXPECT_EQ(big.interval.high, std::ldexp(s.interval.high, power));
    EXPECT_DOUBLE_EQ(standard_errors_from(big, std::ldexp(1.0, power)), standard_errors_from(s, 1));
    EXPECT_EQ(seeds_to_tell(big, std::ldexp(1.0, power), 0.95), seeds_to_tell(s, 1, 0.95));
    const Summary apart = welch_difference(a, b);
    EXPECT_DOUBLE_EQ(apart.interval.low, std::ldexp(d.interval.low, power));
    EXPECT_DOUBLE_EQ(apart.deviation, std::ldexp(d.deviation, power));
    EXPECT_DOUBLE_EQ(cohen_d_unpaired(a, b), cohen_d_unpaired(plain, other));
    EXPECT_DOUBLE_EQ(cohen_d_paired(a, b), cohen_d_paired(plain, other));
    EXPECT_DOUBLE_EQ(pearson(a, b), pearson(plain, other));
  }
  for (const int power : {500, -500}) {  // variances are squares themselves
    const double x = std::ldexp(1.0, power);
    const std::vector<std::vector<double>> groups = {{x, 2 * x}, {4 * x, 6 * x}};
    EXPECT_EQ(one_way_variance(groups).icc(),
              one_way_variance(std::vector<std::vector<double>>{{1, 2}, {4, 6}}).icc());
    EXPECT_EQ(two_way_variance(std::array{x, 3 * x, 2 * x, 6 * x}, 2).rest,
              two_way_variance(std::array{1.0, 3.0, 2.0, 6.0}, 2).rest * x * x);
  }
}

TEST(Statistics, NothingThatADoubleHoldsIsThrownAt) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kMost = 1.7e308, kLeast = 5e-324;
  const std::vector<std::vector<double>> samples = {
      {kMost, -kMost, kMost},  {kMost, kMost, -1},
      {kLeast, 0, 2 * kLeast}, {kInf, 1, 2},
      {kInf, -kInf, kInf},     {kInf, kInf},
      {1e155, 2e155, 3e155},   {1e-200, 1, 1e200},
      {kMost, kLeast, -kMost}, {1e307, 2e307, 3e307, 4e307},
      {-0.0, 0.0, kLeast},     {kNaN, kNaN}};
  const Range ranges[] = {{},          {0, 1},      {-kMost, kMost}, {0, kMost},
                          {0, kLeast}, {-1, 1e-20}, {0, kInf},       {-kInf, 0}};
  for (const std::vector<double>& a : samples) {
    for (const Range& range : ranges) {
      const Summary s = summarize(a, 0.95, range);
      EXPECT_TRUE(s.n < 2 || s.interval.known());
      for (const double x : {0.0, 1.0, -kMost, kMost, kLeast, 1e155}) {
        if (s.n < 2) continue;
        EXPECT_GE(standard_errors_from(s, x, range), 0);
        EXPECT_GE(seeds_to_tell(s, x, 0.95, 0.9, range), 0);
      }
      for (const std::vector<double>& b : samples) {
        welch_difference(a, b, 0.95, range);
        cohen_d_unpaired(a, b);
        one_way_variance(std::vector{a, b});
        if (a.size() != b.size()) continue;
        paired_difference(a, b, 0.95, range);
        EXPECT_FALSE(pearson(a, b) > 1 + 1e-12);
        spearman(a, b);
      }
    }
  }
  const Summary s = describe(std::vector{kInf, 1.0, kNaN, -kInf, 3.0});
  EXPECT_EQ(s.n, 2);
  EXPECT_EQ(s.excluded, 3);
  EXPECT_EQ(s.infinite, 2);
  EXPECT_EQ(s.mean, 2);
  // Far from one edge of a band there is nothing to compute.
  EXPECT_EQ(seeds_to_tell(describe(std::vector{0.0, 0.1, 0.2}), 1e12, 0.95), 2);
}

TEST(Statistics, PearsonByHand) {
  // Deviations -1, 0, 1 and -2, -1, 3: 5 / sqrt(2 * 14).
  EXPECT_DOUBLE_EQ(pearson(std::array{1.0, 2.0, 3.0}, std::array{1.0, 2.0, 6.0}),
                   5 / std::sqrt(28.0));
  EXPECT_DOUBLE_EQ(pearson(std::array{1.0F, 2.0F, 3.0F}, std::array{5.0F, 3.0F, 1.0F}), -1);
  EXPECT_TRUE(std::isnan(pearson(std::array{1.0, 1.0}, std::array{1.0, 2.0})));
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
