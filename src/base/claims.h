// Claims about numbers over seeds, written before a run, and how those of one report are judged
// together.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/statistics.h"

namespace omni {

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
  bool rate = false;        // values are 0 or 1 and their mean is a rate: exact, not t
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
  std::string note;         // in words: why undecided, or how a fact failed
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
// leaves it undecided. Means need n >= 2, and n >= 3 where all values are equal; rates need n >= 2.
// The promise holds as far as the intervals cover: t-intervals assume means over seeds that are
// near enough to normal, as paired differences of equal arms are. Rates have exact intervals
// (Clopper & Pearson 1934): Wilson's would decide some claims wrongly in far more than alpha / 2
// of the reports (a share of 0.018 passes for more at the first success of ten: in 17 %).
std::vector<Judgement> judge(std::span<const std::pair<Claim, std::vector<double>>> claims,
                             double alpha = 0.05);

}  // namespace omni
