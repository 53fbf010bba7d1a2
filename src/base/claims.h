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

enum class Verdict {
  supported,
  refuted,
  undecided,
  not_judged,
  waiting,  // for a primary claim that is undecided: an estimate and an interval, no verdict
};
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
  bool primary = false;     // what the experiment is about: judged first
  Range range = {};         // where its mean can lie
};

struct Judgement {
  Verdict verdict = Verdict::not_judged;
  int n = 0, excluded = 0;
  double estimate = kNaN;   // mean, rate, or share of the seeds on which an exact fact holds
  Interval interval;        // at `level`; unknown for exact facts and n < 2
  double level = 0.95;      // level of this interval, adjusted where the claim is judged
  double p_value = kNaN;    // smallest alpha whose interval, unadjusted, decides the claim
  double effect = kNaN;
  std::string effect_name;  // "d_z" or "SD from threshold"; empty when there is no effect
  std::string note;         // in words: why undecided, or how a fact failed
  int seeds_wanted = 0;     // that would decide an undecided primary claim in nine of ten runs, at
                            // its estimate and spread; 0: not known, or more than 10,000
};

// Judges all claims of one report together, so that the chance that any verdict of it is false
// stays below alpha. A verdict is false if it names the wrong side of a threshold, and also if the
// truth lies exactly on the threshold: then either side is wrong. So of a claim judged alone by a
// two-sided interval of level 1 - a, the chance is a where the truth lies on the threshold, and at
// most a / 2 where it does not, for then one side alone is wrong.
//
// Within a family of claims (Holm 1979):
//   1. Each claim gets p, the smallest a for which its two-sided interval of level 1 - a decides
//      it: lies wholly beyond the threshold on either side; or, for a band, wholly inside or
//      wholly outside. A claim that cannot be decided from its sample has p = 1.
//   2. The m claims that are judged and not facts are ordered by p (ties: as given). The k-th is
//      judged with the interval of level 1 - alpha / (m - k + 1).
//   3. At the first claim that this interval leaves undecided the descent stops: it and all later
//      ones are undecided and show the interval of that same level. So a shown interval always
//      agrees with its verdict.
// Of verdicts on truths that lie on thresholds Holm's proof holds whatever depends on what. That
// wrong sides of other truths fit into the same alpha is proved for independent claims (Shaffer
// 1980, doi:10.1214/aos/1176345183); for claims over the same seeds it is simulated in the tests.
//
// Primary claims are a family of their own, judged with alpha. All others are judged, with
// alpha / 2, only if every primary one was decided; else they wait. Why alpha / 2:
//   - If a primary truth lies on its threshold, deciding that claim is a false verdict already:
//     false verdicts on the others add nothing to the chance that there is any, which is alpha.
//   - If none does, false verdicts on primary claims are wrong sides, of chance alpha / 2 at most
//     (each of m claims, judged at alpha / m, has half of that), and the others have alpha / 2.
// The second line needs nothing to be independent between the families. With alpha for both the
// chance can exceed it: let a primary truth lie so near its threshold that its claim is decided
// rightly in 5 % and wrongly in 1.1 %, and another claim, on its threshold, be decided just where the
// first is decided rightly; that makes 6.1 %. With one primary claim the second line is the whole
// proof; with several, Holm's later steps are the tests' matter, as above.
// Where no claim is primary all are one family, judged with alpha.
//
// Facts are no matter of chance and do not count in m: one counterexample refutes, no seed leaves
// them undecided. They are judged wherever they stand; a primary fact is waited for like any other.
// Means need n >= 2, and n >= 3 where all values are equal; rates need n >= 2.
// The promise holds as far as the intervals cover: t-intervals assume means over seeds that are
// near enough to normal, as paired differences of equal arms are; see mean_interval for means that
// cannot lie anywhere. Rates have exact intervals (Clopper & Pearson 1934): Wilson's would decide
// some claims wrongly in far more than alpha / 2 of the reports (a share of 0.018 passes for more at
// the first success of ten: in 17 %).
std::vector<Judgement> judge(std::span<const std::pair<Claim, std::vector<double>>> claims,
                             double alpha = 0.05);

// Fills `seeds_wanted` of undecided primary claims, and says it in their notes: for the level of the
// first of Holm's steps, so that the number serves whatever becomes of the other primary claims.
void plan_seeds(std::span<const std::pair<Claim, std::vector<double>>> claims,
                std::span<Judgement> judgements, double alpha = 0.05);

}  // namespace omni
