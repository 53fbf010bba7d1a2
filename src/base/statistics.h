// Small-sample statistics over seeds: means, intervals, differences, effect sizes, components of
// variance.
//
// Wherever values are taken, a value that is not finite (a diverged model, a missing seed) is left
// out of every mean and interval and counted in `excluded`; one that is infinite is a value without
// a place in a mean, and counted as such, too. Finite values may be as large or as small as a
// double is: nothing is squared before it is scaled. What is itself too large for one is infinite:
// the deviation of 1.7e308 and -1.7e308, their difference, an end of an interval.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace omni {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Interval {
  double low = kNaN, high = kNaN;  // both NaN: no interval can be given (n < 2)
  bool known() const { return low <= high; }
  bool contains(double x) const { return low <= x && x <= high; }
};

// Where a quantity can lie: a share in [0, 1], a difference of two in [-1, 1], a squared error at 0
// or above. Without any end it can lie anywhere.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  double cases = 0;  // of a share: of at least how many cases it is one; 0: not known
  bool bounded() const { return low < high && std::isfinite(high - low); }
  bool one_sided() const { return low < high && std::isfinite(low) != std::isfinite(high); }
  bool has_end() const { return bounded() || one_sided(); }
  bool operator==(const Range&) const = default;
};

struct Summary {
  int n = 0;                // finite values
  int excluded = 0;         // values that were not finite
  int infinite = 0;         // those of them that are no NaN
  double mean = kNaN;       // NaN when n = 0
  double deviation = kNaN;  // sample standard deviation (n - 1); NaN when n < 2
  Interval interval;        // two-sided, see mean_interval
};

// Everything but the interval.
Summary describe(std::span<const double> values);
// How far the mean of a sample of n >= 2 lies from x, in standard errors: what is held against
// Student's t with n - 1 degrees of freedom, in intervals, in p-values and in claims alike.
//   Anywhere:  |mean - x| / (s / sqrt(n)).
//   In a range, on the unit scale u = (value - low) / (high - low): the standard error is the one
//   that belongs to x, not to the mean, for a quantity's spread shrinks towards the ends of its
//   range like that of a share, sqrt(u (1 - u)). With the dispersion f = s^2 / (m (1 - m)) of a
//   sample of mean m that is |m - x| / sqrt(f x (1 - x) / n), the score statistic of a
//   quasi-binomial mean (Wedderburn 1974). All x nearer than a quantile of t are Wilson's interval
//   with t for z and n / f for n: it never leaves the range and bends away from its ends.
//   Where all values are equal, a share of `cases` cases still varies by 1 / cases of them: f is
//   that; without cases there is no spread.
//   With one end: the same as the other one moves away, where the spread goes with sqrt(u) of the
//   distance u from the end, the score statistic of a quasi-Poisson mean: |m - u| / sqrt(f u / n)
//   with f = s^2 / m. Its interval, m + k/2 +- sqrt(k m + k^2/4) with k = t^2 f / n, is longer away
//   from the end, where the long tail is.
// Infinite at and beyond the ends of the range, unless the mean lies there.
double standard_errors_from(const Summary& s, double x, const Range& range = {});
// All x within t(n-1) standard errors of the mean; unknown for n < 2.
Interval mean_interval(const Summary& s, double level = 0.95, const Range& range = {});
// Both.
Summary summarize(std::span<const double> values, double level = 0.95, const Range& range = {});

// Seeds with which a mean at this distance from x would be told from it by an interval of `level` in
// a share `power` of runs (noncentral t), at the sample's estimate and spread. 0 if that takes more
// than 10,000, or if the sample shows no spread.
int seeds_to_tell(const Summary& s, double x, double level, double power = 0.9,
                  const Range& range = {});

// Interval of a share of successes (Wilson 1927); keeps its meaning at 0 and n successes. It covers
// `level` on average over shares, and less at some of them.
Interval wilson_interval(int successes, int n, double level = 0.95);

// Interval of a share of successes (Clopper & Pearson 1934). It covers at least `level` at every
// share, at the price of being wider than Wilson's.
Interval exact_interval(int successes, int n, double level = 0.95);

// From the lower of the low ends to the higher of the high ones; cases if they are the same.
Range hull(const Range& a, const Range& b);
// Where the difference of two quantities of one range lies.
Range difference_range(const Range& range);

// a[i] - b[i] for each pair in which both are finite; a and b are of one length, seed by seed, and
// both of `range`.
Summary paired_difference(std::span<const double> a, std::span<const double> b,
                          double level = 0.95, const Range& range = {});

// mean(a) - mean(b) of independent samples with Welch's interval; n is the smaller sample's.
Summary welch_difference(std::span<const double> a, std::span<const double> b,
                         double level = 0.95, const Range& range = {});

// An effect size: NaN where the deviation is but the rounding of equal values.
double effect_ratio(double difference, double deviation);
// Cohen's d_z: mean of the paired differences over their standard deviation.
double cohen_d_paired(std::span<const double> a, std::span<const double> b);
// Cohen's d_s: difference of means over the pooled standard deviation.
double cohen_d_unpaired(std::span<const double> a, std::span<const double> b);

// --- Where a spread comes from ---

// Variance components of the one-way random-effects model y_ij = mean + group_i + rest_ij. They are
// the unbiased estimators of the analysis of variance, for groups of equal or unequal sizes. They
// may come out below zero, so that their means over many variables are right: add up components
// first and take ratios last.
struct OneWayVariance {
  double between = kNaN, within = kNaN;
  double total() const { return between + within; }
  // The intraclass correlation ICC(1), the share of the variance that is between groups (Shrout &
  // Fleiss 1979, doi:10.1037/0033-2909.86.2.420). 1: repeats of a group agree; 0 or less: they
  // differ as much as anybody.
  double icc() const { return between / total(); }
};

// Groups of repeats. NaN unless there are two groups and one of them has two values.
OneWayVariance one_way_variance(std::span<const std::vector<double>> groups);

// The same of the crossed model y_ij = mean + row_i + column_j + rest_ij, one value per cell, in
// which `rest` holds both the interaction of the two and the noise (Searle, Casella & McCulloch
// 1992, Variance Components, chapter 4).
struct TwoWayVariance {
  double row = kNaN, column = kNaN, rest = kNaN;
  double total() const { return row + column + rest; }
};

// A grid [rows][columns], row-major, of at least 2x2. NaN if a value is not finite: a grid with a
// hole is not decomposed.
TwoWayVariance two_way_variance(std::span<const double> grid, size_t columns);

// Pearson's correlation of as many values; NaN where all of one side are equal.
double pearson(std::span<const double> a, std::span<const double> b);
double pearson(std::span<const float> a, std::span<const float> b);

// Spearman's rank correlation (1904): Pearson's of the ranks, equal values sharing the mean of
// theirs. Pairs that are not finite are left out; NaN for fewer than two pairs and where all values
// of one side are equal.
double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace omni
