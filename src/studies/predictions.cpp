#include "studies/predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/statistics.h"

namespace omni {
namespace {

size_t rows_of(std::span<const float> logits, int64_t classes) {
  check(classes >= 2 && logits.size() % static_cast<size_t>(classes) == 0,
        "{} logits are no rows of {} classes", logits.size(), classes);
  return logits.size() / static_cast<size_t>(classes);
}

std::span<const float> row_of(std::span<const float> logits, size_t row, int64_t classes) {
  return logits.subspan(row * static_cast<size_t>(classes), static_cast<size_t>(classes));
}

}  // namespace

double log_sum_exp(std::span<const float> z) {
  const double largest = std::ranges::max(z);
  double sum = 0;
  for (const float x : z) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

std::vector<int32_t> chosen_classes(std::span<const float> logits, int64_t classes) {
  std::vector<int32_t> chosen(rows_of(logits, classes));
  for (size_t r = 0; r < chosen.size(); ++r) {
    const auto z = row_of(logits, r, classes);
    chosen[r] = static_cast<int32_t>(std::ranges::max_element(z) - z.begin());
  }
  return chosen;
}

std::vector<double> margins(std::span<const float> logits, std::span<const int32_t> labels,
                            int64_t classes) {
  std::vector<double> out(rows_of(logits, classes));
  check(labels.size() == out.size(), "{} labels for {} rows", labels.size(), out.size());
  for (size_t r = 0; r < out.size(); ++r) {
    const auto z = row_of(logits, r, classes);
    check(0 <= labels[r] && labels[r] < classes, "label {} of {} classes", labels[r], classes);
    float other = -std::numeric_limits<float>::infinity();
    for (int32_t c = 0; c < classes; ++c)
      if (c != labels[r]) other = std::max(other, z[c]);
    out[r] = double{z[labels[r]]} - other;
  }
  return out;
}

double disagreement(std::span<const int32_t> a, std::span<const int32_t> b) {
  check(a.size() == b.size() && !a.empty(), "disagreement of {} and {} rows", a.size(), b.size());
  int64_t different = 0;
  for (size_t r = 0; r < a.size(); ++r) different += a[r] != b[r];
  return static_cast<double>(different) / static_cast<double>(a.size());
}

double shared_errors(std::span<const int32_t> a, std::span<const int32_t> b,
                     std::span<const int32_t> labels) {
  check(a.size() == b.size() && a.size() == labels.size(), "{}, {} choices, {} labels", a.size(),
        b.size(), labels.size());
  int64_t either = 0, same = 0;
  for (size_t r = 0; r < a.size(); ++r) {
    if (a[r] == labels[r] && b[r] == labels[r]) continue;
    ++either;
    same += a[r] == b[r];
  }
  return either > 0 ? static_cast<double>(same) / static_cast<double>(either) : kNaN;
}

double mean_kl(std::span<const float> a, std::span<const float> b, int64_t classes) {
  const size_t rows = rows_of(a, classes);
  check(rows_of(b, classes) == rows, "logits of {} and {} rows", rows, rows_of(b, classes));
  double total = 0;
  for (size_t r = 0; r < rows; ++r) {
    const auto p = row_of(a, r, classes), q = row_of(b, r, classes);
    const double log_p = log_sum_exp(p), log_q = log_sum_exp(q);
    for (int64_t c = 0; c < classes; ++c)
      total += std::exp(p[c] - log_p) * ((p[c] - log_p) - (q[c] - log_q));
  }
  return total / static_cast<double>(rows);
}

}  // namespace omni
