#include "base/statistics.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/non_central_t.hpp>
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

// A power of two by which numbers are divided so that their fourth powers, and those of what
// differs in their last bits, are numbers still. It rounds nothing, and is 1 where none is needed.
class Scale {
 public:
  explicit Scale(double largest) {
    if (largest > 1e60 || largest < 1e-60) std::frexp(largest, &exponent_);
  }
  explicit Scale(const auto& values) : Scale(largest(values)) {}
  double down(double x) const { return exponent_ == 0 ? x : std::ldexp(x, -exponent_); }
  double up(double x, int power = 1) const {
    return exponent_ == 0 ? x : std::ldexp(x, power * exponent_);
  }

 private:
  static double largest(const auto& values) {
    double most = 0;
    for (const double v : values)
      if (std::isfinite(v)) most = std::max(most, std::fabs(v));
    return most;
  }
  int exponent_ = 0;
};

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  check(a.size() == b.size(), "paired samples of {} and {} values", a.size(), b.size());
  std::vector<double> d(a.size());
  for (size_t i = 0; i < a.size(); ++i) d[i] = a[i] - b[i];
  return d;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double plain_error(const Summary& s) { return s.deviation / std::sqrt(s.n); }

double unit_of(double x, const Range& range) {
  return std::clamp((x - range.low) / (range.high - range.low), 0.0, 1.0);
}

// The squared standard error of a mean m of n values on the unit scale, in multiples of m (1 - m).
double relative_variance(double m, double standard_error, int n, double cases) {
  if (standard_error > 0 && m > 0 && m < 1)
    return standard_error * (standard_error / (m * (1 - m)));
  return cases > 0 ? 1 / (cases * n) : 0;
}

// How far x lies from the end of a range that has one; never below 0.
double distance_from_end(double x, const Range& range) {
  return std::max(0.0, std::isfinite(range.low) ? x - range.low : range.high - x);
}

// With one end.
Interval one_sided_interval(double mean, double half, const Range& range) {
  const double u = distance_from_end(mean, range);
  if (half == 0 || u == 0) return {mean, mean};
  const double k = half * (half / u);
  const double far = u + k / 2 + std::sqrt(k) * std::sqrt(u + k / 4), near = u / far * u;
  if (std::isfinite(range.low)) return {range.low + near, range.low + far};
  return {range.high - far, range.high - near};
}

// All x within `quantile` standard errors of the mean; see standard_errors_from.
Interval interval_of(double mean, double standard_error, double quantile, int n,
                     const Range& range) {
  const double half = quantile * standard_error;
  if (range.one_sided()) return one_sided_interval(mean, half, range);
  if (!range.bounded()) return {mean - half, mean + half};
  const double width = range.high - range.low, m = unit_of(mean, range);
  const double k =
      quantile * quantile * relative_variance(m, standard_error / width, n, range.cases);
  if (!std::isfinite(k)) return {range.low, range.high};
  // Where nothing varies rounding must not move the ends.
  if (k == 0) return {mean, mean};
  const double centre = (m + k / 2) / (1 + k);
  const double reach = std::sqrt(k) * std::sqrt(m * (1 - m) + k / 4) / (1 + k);
  // At the ends the formula gives 0 and 1 but for rounding.
  const double low = m == 0 ? 0 : std::max(0.0, centre - reach);
  const double high = m == 1 ? 1 : std::min(1.0, centre + reach);
  return {range.low + width * low, range.low + width * high};
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

}  // namespace

// Two-pass, so that a large mean does not swallow a small deviation.
Summary describe(std::span<const double> values) {
  Summary s;
  const Scale scale(values);
  double sum = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      ++s.excluded;
      s.infinite += std::isinf(v);
      continue;
    }
    ++s.n;
    sum += scale.down(v);
  }
  if (s.n == 0) return s;
  const double mean = sum / s.n;
  s.mean = scale.up(mean);
  if (s.n < 2) return s;
  double squares = 0;
  bool all_equal = true;
  double first = kNaN;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    if (std::isnan(first)) first = v;
    all_equal &= v == first;
    const double apart = scale.down(v) - mean;
    squares += apart * apart;
  }
  if (all_equal) s.mean = first;  // the sum's rounding must not make up a deviation
  s.deviation = all_equal ? 0 : scale.up(std::sqrt(squares / (s.n - 1)));
  return s;
}

double standard_errors_from(const Summary& s, double x, const Range& range) {
  if (s.mean == x) return 0;
  if (range.one_sided()) {
    const double m = distance_from_end(s.mean, range), u = distance_from_end(x, range);
    if (u == 0 || m == 0 || s.deviation == 0) return kInfinity;
    const double apart = std::fabs(m - u) / (plain_error(s) * std::sqrt(u / m));
    return std::isfinite(apart) ? apart : kInfinity;
  }
  if (!range.bounded()) {
    if (!(s.deviation > 0)) return kInfinity;
    const double apart = std::fabs(s.mean - x), error = plain_error(s);
    return std::isfinite(apart) ? apart / error : std::fabs(s.mean / 2 - x / 2) / (error / 2);
  }
  if (x <= range.low || x >= range.high) return kInfinity;
  const double width = range.high - range.low;
  const double m = unit_of(s.mean, range), u = unit_of(x, range);
  if (m == u) return 0;
  if (u == 0 || u == 1) return kInfinity;
  const double v = relative_variance(m, plain_error(s) / width, s.n, range.cases);
  return v > 0 ? std::fabs(m - u) / std::sqrt(v * u * (1 - u)) : kInfinity;
}

Interval mean_interval(const Summary& s, double level, const Range& range) {
  if (s.n < 2) return {};
  return interval_of(s.mean, plain_error(s), t_quantile(s.n - 1, level), s.n, range);
}

Summary summarize(std::span<const double> values, double level, const Range& range) {
  Summary s = describe(values);
  s.interval = mean_interval(s, level, range);
  return s;
}

int seeds_to_tell(const Summary& s, double x, double level, double power, const Range& range) {
  constexpr int kMost = 10000;
  if (s.n < 2 || s.mean == x) return 0;
  const double distance = standard_errors_from(s, x, range) / std::sqrt(s.n);  // in deviations
  if (!std::isfinite(distance)) return 0;
  const auto enough = [&](int n) {
    const double shift = distance * std::sqrt(n);
    const double quantile = t_quantile(n - 1, level);
    if (shift > quantile + 10) return true;
    const boost::math::non_central_t t(n - 1, shift);
    return boost::math::cdf(boost::math::complement(t, quantile)) >= power;
  };
  if (!enough(kMost)) return 0;
  int low = 1, high = kMost;  // not enough, enough
  while (high - low > 1) (enough((low + high) / 2) ? high : low) = (low + high) / 2;
  return high;
}

Range hull(const Range& a, const Range& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high), a.cases == b.cases ? a.cases : 0};
}

Range difference_range(const Range& range) {
  const double width = range.high - range.low;
  return range.bounded() ? Range{-width, width} : Range{};
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

Interval exact_interval(int successes, int n, double level) {
  check(0 <= successes && successes <= n, "exact_interval: {} successes of {}", successes, n);
  if (n == 0) return {};
  using Beta = boost::math::beta_distribution<double>;
  const double tail = (1 - level) / 2;
  Interval i{0, 1};
  if (successes > 0) i.low = boost::math::quantile(Beta(successes, n - successes + 1), tail);
  if (successes < n)
    i.high =
        boost::math::quantile(boost::math::complement(Beta(successes + 1, n - successes), tail));
  return i;
}

Summary paired_difference(std::span<const double> a, std::span<const double> b, double level,
                          const Range& range) {
  return summarize(differences(a, b), level, difference_range(range));
}

Summary welch_difference(std::span<const double> a, std::span<const double> b, double level,
                         const Range& range) {
  const Summary x = describe(a), y = describe(b);
  Summary d;
  d.n = std::min(x.n, y.n);
  d.excluded = x.excluded + y.excluded;
  d.mean = x.mean - y.mean;
  if (d.n < 2) return d;
  const Scale scale(std::max(x.deviation, y.deviation));
  const double of_x = scale.down(x.deviation), of_y = scale.down(y.deviation);
  const double u = of_x * of_x / x.n, v = of_y * of_y / y.n;
  d.deviation = scale.up(std::sqrt((of_x * of_x + of_y * of_y) / 2));
  if (!std::isfinite(d.mean) || !std::isfinite(u + v)) {
    d.interval = {-kInfinity, kInfinity};  // what the samples say is beyond all doubles
    return d;
  }
  double quantile = 0;
  if (u + v > 0) {
    const double freedom = (u + v) * (u + v) / (u * u / (x.n - 1) + v * v / (y.n - 1));
    quantile = t_quantile(freedom, level);
  }
  d.interval =
      interval_of(d.mean, scale.up(std::sqrt(u + v)), quantile, d.n, difference_range(range));
  return d;
}

double effect_ratio(double difference, double deviation) {
  return deviation > 1e-12 * std::fabs(difference) ? difference / deviation : kNaN;
}

double cohen_d_paired(std::span<const double> a, std::span<const double> b) {
  const Summary d = describe(differences(a, b));
  return effect_ratio(d.mean, d.deviation);
}

double cohen_d_unpaired(std::span<const double> a, std::span<const double> b) {
  const Summary x = describe(a), y = describe(b);
  if (x.n < 2 || y.n < 2) return kNaN;
  const Scale scale(std::max(x.deviation, y.deviation));
  const double of_x = scale.down(x.deviation), of_y = scale.down(y.deviation);
  const double pooled =
      std::sqrt(((x.n - 1) * of_x * of_x + (y.n - 1) * of_y * of_y) / (x.n + y.n - 2));
  return effect_ratio(x.mean - y.mean, scale.up(pooled));
}

OneWayVariance one_way_variance(std::span<const std::vector<double>> groups) {
  double n = 0, groups_with_values = 0, sum_of_squared_sizes = 0, sum = 0, squares_within = 0;
  std::vector<double> all;
  for (const std::vector<double>& group : groups) all.insert(all.end(), group.begin(), group.end());
  const Scale scale(all);
  std::vector<Summary> parts;
  for (std::vector<double> group : groups) {
    for (double& value : group) value = scale.down(value);
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
  const double between = (squares_between / (groups_with_values - 1) - within) / size;
  return {scale.up(between, 2), scale.up(within, 2)};
}

TwoWayVariance two_way_variance(std::span<const double> values, size_t columns) {
  check(columns >= 2 && values.size() % columns == 0 && values.size() / columns >= 2,
        "two_way_variance: {} values are no grid of at least 2x2 with {} columns", values.size(),
        columns);
  const Scale scale(values);
  std::vector<double> grid(values.begin(), values.end());
  for (double& value : grid) value = scale.down(value);
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
  return {scale.up(row_squares / (r - 1) - rest / c, 2),
          scale.up(column_squares / (c - 1) - rest / r, 2), scale.up(rest, 2)};
}

namespace {

template <class T>
double correlation(std::span<const T> a, std::span<const T> b) {
  check(a.size() == b.size(), "paired samples of {} and {} values", a.size(), b.size());
  const auto n = static_cast<double>(a.size());
  const Scale of_a(a), of_b(b);
  double mean_a = 0, mean_b = 0;
  for (const double x : a) mean_a += of_a.down(x);
  for (const double x : b) mean_b += of_b.down(x);
  mean_a /= n;
  mean_b /= n;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = of_a.down(a[i]) - mean_a, y = of_b.down(b[i]) - mean_b;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : kNaN;
}

}  // namespace

double pearson(std::span<const double> a, std::span<const double> b) { return correlation(a, b); }
double pearson(std::span<const float> a, std::span<const float> b) { return correlation(a, b); }

double spearman(std::span<const double> a, std::span<const double> b) {
  check(a.size() == b.size(), "paired samples of {} and {} values", a.size(), b.size());
  std::vector<double> x, y;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    x.push_back(a[i]);
    y.push_back(b[i]);
  }
  return pearson(ranks(x), ranks(y));
}

}  // namespace omni
