// Small-sample statistics over seeds, and how the claims of a report are judged together.
//
// Wherever values are taken, a value that is not finite (a diverged model, a missing seed) is left
// out of every mean and interval and counted in `excluded`.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omni {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Interval {
  double low = kNaN, high = kNaN;  // both NaN: no interval can be given (n < 2)
  bool known() const { return low <= high; }
  bool contains(double x) const { return low <= x && x <= high; }
};

struct Summary {
  int n = 0;                // finite values
  int excluded = 0;         // values that were not finite
  double mean = kNaN;       // NaN when n = 0
  double deviation = kNaN;  // sample standard deviation (n - 1); NaN when n < 2
  Interval interval;        // Student t, two-sided
};

// Mean with its two-sided Student t-interval: mean +- t(n-1) s / sqrt(n).
Summary summarize(std::span<const double> values, double level = 0.95);

// Interval of a share of successes (Wilson 1927); keeps its meaning at 0 and n successes.
Interval wilson_interval(int successes, int n, double level = 0.95);

// a[i] - b[i] for each pair in which both are finite; a and b are of one length, seed by seed.
Summary paired_difference(std::span<const double> a, std::span<const double> b,
                          double level = 0.95);

// mean(a) - mean(b) of independent samples with Welch's interval; n is the smaller sample's.
Summary welch_difference(std::span<const double> a, std::span<const double> b,
                         double level = 0.95);

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

// Spearman's rank correlation (1904): Pearson's of the ranks, equal values sharing the mean of
// theirs. Pairs that are not finite are left out; NaN for fewer than two pairs and where all values
// of one side are equal.
double spearman(std::span<const double> a, std::span<const double> b);

enum class Verdict { supported, refuted, undecided, not_judged };
enum class ClaimKind {
  above,  // mean > threshold
  below,  // mean < threshold
  band,   // low <= mean <= high
  exact,  // holds on every seed: a value is 1 where it holds and 0 where it does not
  some,   // holds on at least one of five seeds or more (a published best run); values as in exact
};

// Claims about a fact that a seed shows or does not: exact and some. They have no interval.
bool is_fact(ClaimKind kind);

std::string_view name_of(Verdict verdict);
std::string_view name_of(ClaimKind kind);
Verdict verdict_from_name(std::string_view name);        // UserError for an unknown name
ClaimKind claim_kind_from_name(std::string_view name);   // UserError for an unknown name

// What is claimed about one number per seed; written before the run.
struct Claim {
  ClaimKind kind = ClaimKind::above;
  double threshold = kNaN;        // above, below
  double low = kNaN, high = kNaN;  // band
  bool rate = false;        // values are 0 or 1 and their mean is a rate: Wilson, not t
  bool difference = false;  // values are paired differences: the effect is Cohen's d_z; otherwise
                            // it is the distance from the threshold in standard deviations
  bool judged = true;       // false: contested or exploratory, shown but never judged
};

struct Judgement {
  Verdict verdict = Verdict::not_judged;
  int n = 0, excluded = 0;
  double estimate = kNaN;   // mean, rate, or share of the seeds on which an exact fact holds
  Interval interval;        // at `level`; unknown for exact facts and n < 2
  double level = 0.95;      // Holm-adjusted level of this interval
  double p_value = kNaN;    // smallest alpha whose interval, unadjusted, decides the claim
  double effect = kNaN;
  std::string effect_name;  // "d_z" or "SD from threshold"; empty when there is no effect
  std::string note;         // in words: why undecided, how many models were left out
};

// Judges all claims of one report together, so that the chance that any verdict of it is wrong
// stays below alpha (Holm 1979):
//   1. Each claim gets p, the smallest a for which its two-sided interval of level 1 - a decides
//      it: lies wholly beyond the threshold on either side; or, for a band, wholly inside or
//      wholly outside. A claim that cannot be decided from its sample has p = 1.
//   2. The m claims that are judged and not exact are ordered by p (ties: as given). The k-th is
//      judged with the interval of level 1 - alpha / (m - k + 1).
//   3. At the first claim that this interval leaves undecided the descent stops: it and all later
//      ones are undecided and show the interval of that same level. So a shown interval always
//      agrees with its verdict.
// Exact facts are no matter of chance and do not count in m: one counterexample refutes, no seed
// leaves it undecided. Means need n >= 2, and n >= 3 where all values are equal.
std::vector<Judgement> judge(std::span<const std::pair<Claim, std::vector<double>>> claims,
                             double alpha = 0.05);

}  // namespace omni
