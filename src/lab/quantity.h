// A number of one seed that a claim speaks of, and where it can lie: what is made of metrics by
// sums, differences, multiples, sizes and the least or largest of several keeps track of its range.
// What else is made of them is a plain number without one, unless `within` says it.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "base/statistics.h"

namespace omni {

struct Quantity {
  double value = kNaN;  // NaN: missing
  Range range = {};

  Quantity() = default;
  Quantity(double v) : value(v) {}  // NOLINT: plain numbers are quantities that can lie anywhere
  Quantity(double v, const Range& r) : value(v), range(r) {}
  operator double() const { return value; }  // NOLINT

  Quantity operator-() const { return {-value, ends(-range.high, -range.low)}; }

  friend Quantity operator+(const Quantity& a, const Quantity& b) {
    return {a.value + b.value, ends(a.range.low + b.range.low, a.range.high + b.range.high)};
  }
  friend Quantity operator-(const Quantity& a, const Quantity& b) { return a + -b; }

  // A sum or a multiple with a plain number.
  template <class T>
  requires std::is_arithmetic_v<T>
  friend Quantity operator+(const Quantity& a, T b) {
    return {a.value + static_cast<double>(b),
            ends(a.range.low + static_cast<double>(b), a.range.high + static_cast<double>(b))};
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  friend Quantity operator-(const Quantity& a, T b) { return a + -static_cast<double>(b); }
  template <class T>
  requires std::is_arithmetic_v<T>
  friend Quantity operator*(T factor, const Quantity& a) {
    const auto f = static_cast<double>(factor);
    return {f * a.value, f == 0 ? Range{}
                                : ends(std::min(f * a.range.low, f * a.range.high),
                                       std::max(f * a.range.low, f * a.range.high))};
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  friend Quantity operator*(const Quantity& a, T factor) { return factor * a; }
  template <class T>
  requires std::is_arithmetic_v<T>
  friend Quantity operator/(const Quantity& a, T by) {
    const auto d = static_cast<double>(by);
    return {a.value / d, d == 0 ? Range{}
                                : ends(std::min(a.range.low / d, a.range.high / d),
                                       std::max(a.range.low / d, a.range.high / d))};
  }

  friend Quantity abs(const Quantity& a) {
    const double low = std::abs(a.range.low), high = std::abs(a.range.high);
    const bool around_zero = a.range.low <= 0 && a.range.high >= 0;
    return {std::abs(a.value), ends(around_zero ? 0 : std::min(low, high), std::max(low, high))};
  }

  // A share's number of cases ends where it becomes something else.
  static Range ends(double low, double high) { return {low, high, 0}; }
};

// `x` where its range follows from what it is: a correlation, within(r, -1, 1).
inline Quantity within(double x, double low, double high) { return {x, {low, high, 0}}; }

// The least of several, missing if one is; of none it is missing.
inline Quantity least_of(std::span<const Quantity> all) {
  if (all.empty()) return {};
  Quantity found = all.front();
  for (const Quantity& x : all.subspan(1)) {
    const double value = !(x.value >= found.value) ? x.value : found.value;
    found = {std::isnan(found.value) ? kNaN : value, hull(found.range, x.range)};
  }
  return found;
}

// The largest likewise.
inline Quantity most_of(std::span<const Quantity> all) {
  std::vector<Quantity> opposite;
  for (const Quantity& x : all)
    opposite.push_back({-x.value, {-x.range.high, -x.range.low, x.range.cases}});
  const Quantity least = least_of(opposite);
  return {-least.value, {-least.range.high, -least.range.low, least.range.cases}};
}

}  // namespace omni
