#include "base/statistics.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <numeric>

#include "base/error.h"

namespace omni {

namespace {

// Half-width of a two-sided t-interval in standard errors. Degrees of freedom may be fractional.
double t_quantile(double freedom, double level) {
  return boost::math::quantile(
      boost::math::complement(boost::math::students_t(freedom), (1 - level) / 2));
}

double normal_quantile(double level) {
  return boost::math::quantile(boost::math::complement(boost::math::normal(), (1 - level) / 2));
}

// Two-pass, so that a large mean does not swallow a small deviation.
Summary describe(std::span<const double> values) {
  Summary s;
  double sum = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      ++s.excluded;
      continue;
    }
    ++s.n;
    sum += v;
  }
  if (s.n == 0) return s;
  s.mean = sum / s.n;
  if (s.n < 2) return s;
  double squares = 0;
  bool all_equal = true;
  double first = kNaN;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    if (std::isnan(first)) first = v;
    all_equal &= v == first;
    squares += (v - s.mean) * (v - s.mean);
  }
  if (all_equal) s.mean = first;  // the sum's rounding must not make up a deviation
  s.deviation = all_equal ? 0 : std::sqrt(squares / (s.n - 1));
  return s;
}

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  check(a.size() == b.size(), "paired samples of {} and {} values", a.size(), b.size());
  std::vector<double> d(a.size());
  for (size_t i = 0; i < a.size(); ++i) d[i] = a[i] - b[i];
  return d;
}

// An effect size; none where the deviation is but the rounding of equal values.
double ratio(double numerator, double deviation) {
  return deviation > 1e-12 * std::fabs(numerator) ? numerator / deviation : kNaN;
}

// 1, 2, ... in ascending order; equal values get the mean of their places.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> out(values.size());
  for (size_t from = 0, to = 0; from < order.size(); from = to) {
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    const double shared = static_cast<double>(from + 1 + to) / 2;
    for (size_t i = from; i < to; ++i) out[order[i]] = shared;
  }
  return out;
}

// A sample from which means or rates are claimed.
struct Sample {
  const Claim& claim;
  Summary s;

  bool enough() const {
    if (claim.rate) return s.n >= 2;
    return s.n >= 3 || (s.n == 2 && s.deviation > 0);
  }

  Interval interval(double level) const {
    if (claim.rate)
      return wilson_interval(static_cast<int>(std::lround(s.mean * s.n)), s.n, level);
    const double half = t_quantile(s.n - 1, level) * s.deviation / std::sqrt(s.n);
    return {s.mean - half, s.mean + half};
  }

  // The smallest a for which the interval of level 1 - a excludes x.
  double p_against(double x) const {
    if (s.mean == x) return 1;
    const double error =
        claim.rate ? std::sqrt(std::max(0.0, x * (1 - x)) / s.n) : s.deviation / std::sqrt(s.n);
    if (error == 0) return 0;
    const double distance = std::fabs(s.mean - x) / error;
    if (claim.rate)
      return 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), distance));
    return 2 *
           boost::math::cdf(boost::math::complement(boost::math::students_t(s.n - 1), distance));
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

std::string excluded_note(int excluded) {
  if (excluded == 0) return "";
  return fmt::format("{} of the models diverged or gave no value and {} left out.", excluded,
                     excluded == 1 ? "is" : "are");
}

void append(std::string& text, std::string_view more) {
  if (more.empty()) return;
  if (!text.empty()) text += ' ';
  text += more;
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
  append(j.note, excluded_note(s.excluded));
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
  append(j.note, excluded_note(s.excluded));
  return j;
}

Judgement measure(const Sample& sample) {
  const Summary& s = sample.s;
  const Claim& claim = sample.claim;
  Judgement j = unjudged(s);
  if (claim.rate) return j;
  if (claim.difference) {
    j.effect = ratio(s.mean, s.deviation);
    j.effect_name = "d_z";
  } else if (claim.kind != ClaimKind::band) {
    j.effect = ratio(s.mean - claim.threshold, s.deviation);
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

Summary summarize(std::span<const double> values, double level) {
  Summary s = describe(values);
  if (s.n < 2) return s;
  const double half = t_quantile(s.n - 1, level) * s.deviation / std::sqrt(s.n);
  s.interval = {s.mean - half, s.mean + half};
  return s;
}

Interval wilson_interval(int successes, int n, double level) {
  check(0 <= successes && successes <= n, "wilson_interval: {} successes of {}", successes, n);
  if (n == 0) return {};
  const double z = normal_quantile(level), share = static_cast<double>(successes) / n;
  const double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half =
      z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4.0 * n * n));
  // At the ends the formula gives 0 and 1 but for rounding.
  return {successes == 0 ? 0 : centre - half, successes == n ? 1 : centre + half};
}

Summary paired_difference(std::span<const double> a, std::span<const double> b, double level) {
  return summarize(differences(a, b), level);
}

Summary welch_difference(std::span<const double> a, std::span<const double> b, double level) {
  const Summary x = describe(a), y = describe(b);
  Summary d;
  d.n = std::min(x.n, y.n);
  d.excluded = x.excluded + y.excluded;
  d.mean = x.mean - y.mean;
  if (d.n < 2) return d;
  const double u = x.deviation * x.deviation / x.n, v = y.deviation * y.deviation / y.n;
  d.deviation = std::sqrt((x.deviation * x.deviation + y.deviation * y.deviation) / 2);
  double half = 0;
  if (u + v > 0) {
    const double freedom = (u + v) * (u + v) / (u * u / (x.n - 1) + v * v / (y.n - 1));
    half = t_quantile(freedom, level) * std::sqrt(u + v);
  }
  d.interval = {d.mean - half, d.mean + half};
  return d;
}

double cohen_d_paired(std::span<const double> a, std::span<const double> b) {
  const Summary d = describe(differences(a, b));
  return ratio(d.mean, d.deviation);
}

double cohen_d_unpaired(std::span<const double> a, std::span<const double> b) {
  const Summary x = describe(a), y = describe(b);
  if (x.n < 2 || y.n < 2) return kNaN;
  const double pooled = std::sqrt(((x.n - 1) * x.deviation * x.deviation +
                                   (y.n - 1) * y.deviation * y.deviation) /
                                  (x.n + y.n - 2));
  return ratio(x.mean - y.mean, pooled);
}

OneWayVariance one_way_variance(std::span<const std::vector<double>> groups) {
  double n = 0, groups_with_values = 0, sum_of_squared_sizes = 0, sum = 0, squares_within = 0;
  std::vector<Summary> parts;
  for (const std::vector<double>& group : groups) {
    const Summary s = parts.emplace_back(describe(group));
    if (s.n == 0) continue;
    ++groups_with_values;
    n += s.n;
    sum_of_squared_sizes += static_cast<double>(s.n) * s.n;
    sum += s.mean * s.n;
    if (s.n > 1) squares_within += s.deviation * s.deviation * (s.n - 1);
  }
  if (groups_with_values < 2 || n <= groups_with_values) return {};
  double squares_between = 0;
  for (const Summary& s : parts)
    if (s.n > 0) squares_between += s.n * (s.mean - sum / n) * (s.mean - sum / n);
  // The size that groups would have if they were equal (Searle, Casella & McCulloch 1992, 3.6).
  const double size = (n - sum_of_squared_sizes / n) / (groups_with_values - 1);
  const double within = squares_within / (n - groups_with_values);
  return {(squares_between / (groups_with_values - 1) - within) / size, within};
}

TwoWayVariance two_way_variance(std::span<const double> grid, size_t columns) {
  check(columns >= 2 && grid.size() % columns == 0 && grid.size() / columns >= 2,
        "two_way_variance: {} values are no grid of at least 2x2 with {} columns", grid.size(),
        columns);
  const size_t rows = grid.size() / columns;
  std::vector<double> row_mean(rows), column_mean(columns);
  double mean = 0;
  for (size_t i = 0; i < grid.size(); ++i) {
    if (!std::isfinite(grid[i])) return {};
    mean += grid[i] / static_cast<double>(grid.size());
    row_mean[i / columns] += grid[i] / static_cast<double>(columns);
    column_mean[i % columns] += grid[i] / static_cast<double>(rows);
  }
  double row_squares = 0, column_squares = 0, rest_squares = 0;
  for (const double m : row_mean) row_squares += (m - mean) * (m - mean);
  for (const double m : column_mean) column_squares += (m - mean) * (m - mean);
  for (size_t i = 0; i < grid.size(); ++i) {
    const double rest = grid[i] - row_mean[i / columns] - column_mean[i % columns] + mean;
    rest_squares += rest * rest;
  }
  const auto r = static_cast<double>(rows), c = static_cast<double>(columns);
  const double rest = rest_squares / ((r - 1) * (c - 1));
  return {row_squares / (r - 1) - rest / c, column_squares / (c - 1) - rest / r, rest};
}

double spearman(std::span<const double> a, std::span<const double> b) {
  check(a.size() == b.size(), "paired samples of {} and {} values", a.size(), b.size());
  std::vector<double> x, y;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    x.push_back(a[i]);
    y.push_back(b[i]);
  }
  const std::vector<double> rank_x = ranks(x), rank_y = ranks(y);
  const double middle = (static_cast<double>(x.size()) + 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (rank_x[i] - middle) * (rank_y[i] - middle);
    xx += (rank_x[i] - middle) * (rank_x[i] - middle);
    yy += (rank_y[i] - middle) * (rank_y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNaN;
}

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
      append(out[i].note, excluded_note(sample.s.excluded));
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
      append(j.note, undecided_note(samples[i]));
    }
    append(j.note, excluded_note(j.excluded));
  }
  return out;
}

}  // namespace omni
