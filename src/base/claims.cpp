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
    return claim.rate ? exact_interval(successes(), s.n, level)
                      : mean_interval(s, level, claim.range);
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
    const double distance = standard_errors_from(s, x, claim.range);
    if (std::isinf(distance)) return 0;
    return 2 * cdf(complement(boost::math::students_t(s.n - 1), distance));
  }

  double p_value() const {
    if (claim.kind != ClaimKind::band) return p_against(claim.threshold);
    const double low = p_against(claim.low), high = p_against(claim.high);
    if (s.mean > claim.high) return high;
    if (s.mean < claim.low) return low;
    // An interval without width may touch the edge of the band from within.
    if (!claim.rate && interval(0.5).low == interval(0.5).high) return 0;
    return std::max(low, high);
  }

  // For an interval of level 1 - a, in nine of ten runs.
  int seeds_wanted(double a) const {
    if (claim.rate) return 0;
    const auto from = [&](double x, double power) {
      return seeds_to_tell(s, x, 1 - a, power, claim.range);
    };
    if (claim.kind != ClaimKind::band) return from(claim.threshold, 0.9);
    if (s.mean > claim.high) return from(claim.high, 0.9);
    if (s.mean < claim.low) return from(claim.low, 0.9);
    const int low = from(claim.low, 0.95), high = from(claim.high, 0.95);
    return low > 0 && high > 0 ? std::max(low, high) : 0;
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

std::string undecided_note(const Sample& sample, const Interval& shown) {
  const int n = sample.s.n;
  if (n == 0)
    return sample.s.infinite > 0 ? "No seed gave a finite value." : "No seed gave a value.";
  if (n == 1) return "One seed is too few for an interval; at least 2 are needed.";
  if (!sample.enough())
    return "Both values are equal, so two seeds say nothing about their spread; at least 3 are "
           "needed.";
  if (shown.low == shown.high)
    return "All values are equal, and are the threshold itself; more of the same would not decide "
           "it.";
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
    case Verdict::waiting: return "estimate";
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
  for (const Verdict v : {Verdict::supported, Verdict::refuted, Verdict::undecided,
                          Verdict::not_judged, Verdict::waiting})
    if (name == name_of(v)) return v;
  fail_user("verdict '{}': expected supported, refuted, undecided, not judged or estimate", name);
}

ClaimKind claim_kind_from_name(std::string_view name) {
  for (const ClaimKind k : {ClaimKind::above, ClaimKind::below, ClaimKind::band, ClaimKind::exact,
                            ClaimKind::some})
    if (name == name_of(k)) return k;
  fail_user("kind of claim '{}': expected above, below, band, exact or some", name);
}

bool is_fact(ClaimKind kind) { return kind == ClaimKind::exact || kind == ClaimKind::some; }

namespace {

using Sampled = std::pair<Claim, std::vector<double>>;

bool is_primary(const Sampled& c) { return c.first.primary && c.first.judged; }

using Family = std::vector<size_t>;  // places of claims that are judged and no facts

void judge_family(Family family, const std::vector<Sample>& samples, double alpha,
                  std::vector<Judgement>& out) {
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
      j.note = undecided_note(samples[i], j.interval);
      if (j.p_value < alpha)
        j.note += fmt::format(" Alone it would be decided; together with the other {} it is not.",
                              family.size() - 1);
    }
  }
}

void show_unadjusted(const Sample& sample, double alpha, Judgement& j) {
  j.level = 1 - alpha;
  if (sample.enough()) j.interval = sample.interval(j.level);
}

// A value that is infinite is one: where it is in no mean, that is said.
void note_infinite(const Sample& sample, Judgement& j) {
  const int k = sample.s.infinite;
  if (k == 0 || is_fact(sample.claim.kind)) return;
  j.note += fmt::format("{}{} infinite and in no mean.", j.note.empty() ? "" : " ",
                        k == 1 ? "1 value is" : fmt::format("{} values are", k));
}

}  // namespace

std::vector<Judgement> judge(std::span<const std::pair<Claim, std::vector<double>>> claims,
                             double alpha) {
  check(0 < alpha && alpha < 1, "judge: alpha must lie between 0 and 1, got {}", alpha);
  const bool none_first = std::ranges::none_of(claims, is_primary);
  std::vector<Judgement> out(claims.size());
  std::vector<Sample> samples;
  Family first, others;
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
      (claim.primary || none_first ? first : others).push_back(i);
    } else {
      show_unadjusted(sample, alpha, out[i]);
      out[i].note = "Reported, not judged; its interval is not adjusted.";
    }
  }
  judge_family(first, samples, alpha, out);
  bool all_decided = true;
  for (size_t i = 0; i < claims.size(); ++i)
    all_decided &= !is_primary(claims[i]) || out[i].verdict != Verdict::undecided;
  if (all_decided) judge_family(others, samples, first.empty() ? alpha : alpha / 2, out);
  for (const size_t i : all_decided ? Family() : others) {
    show_unadjusted(samples[i], alpha, out[i]);
    out[i].verdict = Verdict::waiting;
    out[i].note = "An estimate: judged once every primary claim is decided.";
  }
  for (size_t i = 0; i < claims.size(); ++i) note_infinite(samples[i], out[i]);
  return out;
}

void plan_seeds(std::span<const Sampled> claims, std::span<Judgement> judgements, double alpha) {
  check(claims.size() == judgements.size(), "{} claims, {} judgements", claims.size(),
        judgements.size());
  const auto of_chance = [](const Sampled& c) { return is_primary(c) && !is_fact(c.first.kind); };
  const auto m = static_cast<double>(std::ranges::count_if(claims, of_chance));
  for (size_t i = 0; i < claims.size(); ++i) {
    const Sample sample{claims[i].first, describe(claims[i].second)};
    Judgement& j = judgements[i];
    if (!of_chance(claims[i]) || j.verdict != Verdict::undecided || !sample.enough()) continue;
    j.seeds_wanted = sample.seeds_wanted(alpha / m);
    if (j.seeds_wanted > 0)
      j.note += fmt::format(" With this estimate and spread about {} seeds would decide it in nine "
                            "of ten runs.", j.seeds_wanted);
  }
}

}  // namespace omni
