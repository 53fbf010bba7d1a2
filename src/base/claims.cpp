#include "base/claims.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "base/error.h"

namespace omni {

namespace {

// A sample from which means or rates are claimed.
struct Sample {
  const Claim& claim;
  Summary s;

  bool enough() const {
    if (claim.rate) return s.n >= 2;
    return s.n >= 3 || (s.n == 2 && s.deviation > 0);
  }

  int successes() const { return static_cast<int>(std::lround(s.mean * s.n)); }

  Interval interval(double level) const {
    return claim.rate ? exact_interval(successes(), s.n, level) : mean_interval(s, level);
  }

  // The smallest a for which the interval of level 1 - a excludes x.
  double p_against(double x) const {
    using boost::math::cdf;
    using boost::math::complement;
    if (s.mean == x) return 1;
    if (claim.rate) {
      if (x < 0 || x > 1) return 0;
      const boost::math::binomial chance(s.n, x);
      const double tail = s.mean > x ? cdf(complement(chance, successes() - 1))
                                     : cdf(chance, successes());
      return std::min(1.0, 2 * tail);
    }
    if (s.deviation == 0) return 0;
    const double distance = std::fabs(s.mean - x) / (s.deviation / std::sqrt(s.n));
    return 2 * cdf(complement(boost::math::students_t(s.n - 1), distance));
  }

  double p_value() const {
    if (claim.kind != ClaimKind::band) return p_against(claim.threshold);
    const double low = p_against(claim.low), high = p_against(claim.high);
    if (s.mean > claim.high) return high;
    if (s.mean < claim.low) return low;
    // An interval without width may touch the edge of the band from within.
    if (s.deviation == 0 && !claim.rate) return 0;
    return std::max(low, high);
  }

  Verdict verdict(const Interval& i) const {
    switch (claim.kind) {
      case ClaimKind::above:
        return i.low > claim.threshold    ? Verdict::supported
               : i.high < claim.threshold ? Verdict::refuted
                                          : Verdict::undecided;
      case ClaimKind::below:
        return i.high < claim.threshold  ? Verdict::supported
               : i.low > claim.threshold ? Verdict::refuted
                                         : Verdict::undecided;
      case ClaimKind::band:
        return i.low >= claim.low && i.high <= claim.high ? Verdict::supported
               : i.low > claim.high || i.high < claim.low ? Verdict::refuted
                                                          : Verdict::undecided;
      case ClaimKind::exact:
      case ClaimKind::some: break;
    }
    throw Bug("facts have no interval");
  }
};

void validate(const Claim& claim, std::span<const double> values) {
  if (claim.kind == ClaimKind::band)
    check(claim.low <= claim.high, "claim: band [{}, {}] is empty", claim.low, claim.high);
  else if (!is_fact(claim.kind))
    check(std::isfinite(claim.threshold), "claim: a threshold is needed");
  if (claim.rate || is_fact(claim.kind))
    for (const double v : values)
      check(!std::isfinite(v) || v == 0 || v == 1, "claim: rates and facts need 0 or 1, got {}", v);
}

Judgement unjudged(const Summary& s) {
  Judgement j;
  j.n = s.n;
  j.excluded = s.excluded;
  j.estimate = s.mean;
  return j;
}

// One seed is enough to support it; to refute it there must have been a fair number of tries.
Judgement judge_some(const Summary& s) {
  constexpr int kFairTries = 5;
  Judgement j = unjudged(s);
  j.verdict = s.mean > 0         ? Verdict::supported
              : s.n < kFairTries ? Verdict::undecided
                                 : Verdict::refuted;
  if (j.verdict != Verdict::supported)
    j.note = fmt::format("Shown by none of {} seeds{}.", s.n,
                         s.n < kFairTries ? fmt::format("; {} are wanted", kFairTries) : "");
  return j;
}

Judgement judge_fact(const Summary& s) {
  Judgement j = unjudged(s);
  j.verdict = s.n == 0       ? Verdict::undecided
              : s.mean == 1.0 ? Verdict::supported
                              : Verdict::refuted;
  if (j.verdict == Verdict::undecided) j.note = "No seed could be examined.";
  if (j.verdict == Verdict::refuted) {
    const long failures = s.n - std::lround(s.mean * s.n);
    j.note = fmt::format("Fails on {} of {} seed{}; one would be enough.", failures, s.n,
                         s.n == 1 ? "" : "s");
  }
  return j;
}

Judgement measure(const Sample& sample) {
  const Summary& s = sample.s;
  const Claim& claim = sample.claim;
  Judgement j = unjudged(s);
  if (claim.rate) return j;
  if (claim.difference) {
    j.effect = effect_ratio(s.mean, s.deviation);
    j.effect_name = "d_z";
  } else if (claim.kind != ClaimKind::band) {
    j.effect = effect_ratio(s.mean - claim.threshold, s.deviation);
    j.effect_name = "SD from threshold";
  }
  if (std::isnan(j.effect)) j.effect_name.clear();
  return j;
}

std::string undecided_note(const Sample& sample) {
  const int n = sample.s.n;
  if (n == 0) return "No seed gave a value.";
  if (n == 1) return "One seed is too few for an interval; at least 2 are needed.";
  if (!sample.enough())
    return "Both values are equal, so two seeds say nothing about their spread; at least 3 are "
           "needed.";
  return sample.claim.kind == ClaimKind::band
             ? "The interval reaches over an edge of the band; more seeds would narrow it."
             : "The interval reaches over the threshold; more seeds would narrow it.";
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported: return "supported";
    case Verdict::refuted: return "refuted";
    case Verdict::undecided: return "undecided";
    case Verdict::not_judged: return "not judged";
  }
  throw Bug("unknown verdict");
}

std::string_view name_of(ClaimKind kind) {
  switch (kind) {
    case ClaimKind::above: return "above";
    case ClaimKind::below: return "below";
    case ClaimKind::band: return "band";
    case ClaimKind::exact: return "exact";
    case ClaimKind::some: return "some";
  }
  throw Bug("unknown kind of claim");
}

Verdict verdict_from_name(std::string_view name) {
  for (const Verdict v :
       {Verdict::supported, Verdict::refuted, Verdict::undecided, Verdict::not_judged})
    if (name == name_of(v)) return v;
  fail_user("verdict '{}': expected supported, refuted, undecided or not judged", name);
}

ClaimKind claim_kind_from_name(std::string_view name) {
  for (const ClaimKind k : {ClaimKind::above, ClaimKind::below, ClaimKind::band, ClaimKind::exact,
                            ClaimKind::some})
    if (name == name_of(k)) return k;
  fail_user("kind of claim '{}': expected above, below, band, exact or some", name);
}

bool is_fact(ClaimKind kind) { return kind == ClaimKind::exact || kind == ClaimKind::some; }

std::vector<Judgement> judge(std::span<const std::pair<Claim, std::vector<double>>> claims,
                             double alpha) {
  check(0 < alpha && alpha < 1, "judge: alpha must lie between 0 and 1, got {}", alpha);
  std::vector<Judgement> out(claims.size());
  std::vector<Sample> samples;
  std::vector<size_t> family;
  samples.reserve(claims.size());
  for (size_t i = 0; i < claims.size(); ++i) {
    const auto& [claim, values] = claims[i];
    validate(claim, values);
    const Sample& sample = samples.emplace_back(Sample{claim, describe(values)});
    if (is_fact(claim.kind)) {
      out[i] = claim.kind == ClaimKind::some ? judge_some(sample.s) : judge_fact(sample.s);
      if (!claim.judged) out[i].verdict = Verdict::not_judged;
      continue;
    }
    out[i] = measure(sample);
    if (sample.enough()) out[i].p_value = sample.p_value();
    if (claim.judged) {
      family.push_back(i);
    } else {
      out[i].level = 1 - alpha;
      if (sample.enough()) out[i].interval = sample.interval(out[i].level);
      out[i].note = "Reported, not judged; its interval is not adjusted.";
    }
  }
  const auto p = [&](size_t i) { return samples[i].enough() ? out[i].p_value : 1.0; };
  std::ranges::stable_sort(family, {}, p);
  bool stopped = false;
  double level = 1 - alpha;
  for (size_t k = 0; k < family.size(); ++k) {
    const size_t i = family[k];
    if (!stopped) level = 1 - alpha / static_cast<double>(family.size() - k);
    Judgement& j = out[i];
    j.level = level;
    j.verdict = Verdict::undecided;
    if (samples[i].enough()) {
      j.interval = samples[i].interval(level);
      if (!stopped) j.verdict = samples[i].verdict(j.interval);
    }
    if (j.verdict == Verdict::undecided) {
      stopped = true;
      j.note = undecided_note(samples[i]);
      if (j.p_value < alpha)
        j.note += fmt::format(" Alone it would be decided; together with the other {} it is not.",
                              family.size() - 1);
    }
  }
  return out;
}

}  // namespace omni
