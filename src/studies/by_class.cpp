#include "studies/by_class.h"

#include <cmath>

#include "base/claims.h"
#include "lab/subset.h"

namespace omni {

std::vector<int32_t> labels_of(const Trial& t, const std::string& subset) {
  const int64_t count = rows_of(t, subset);
  const auto* rows = static_cast<const int32_t*>(
      subset.find('.') == subset.npos ? nullptr : t.tables().at(subset).data);
  const std::string split = subset.substr(subset.rfind('.') + 1);
  const auto* labels = static_cast<const int32_t*>(t.tables().at(split + ".y").data);
  std::vector<int32_t> all;
  for (int64_t i = 0; i < count; ++i) all.push_back(labels[rows ? rows[i] : i]);
  return all;
}

void ByClass::add(int32_t label, size_t i, double value) {
  if (label >= std::ssize(means_)) {
    means_.resize(label + 1, std::vector<double>(width_));
    counts_.resize(label + 1);
  }
  means_[label][i] += value;
  counts_[label] += i == 0;
}

void ByClass::finish() {
  for (size_t c = 0; c < means_.size(); ++c)
    for (double& x : means_[c]) x /= counts_[c];
}

double ByClass::at(int64_t c, size_t i) const {
  return c < std::ssize(means_) ? means_[c][i] : kNaN;
}

std::vector<float> ByClass::row(int64_t c) const {
  std::vector<float> values;
  for (size_t i = 0; i < width_; ++i) values.push_back(static_cast<float>(at(c, i)));
  return values;
}

double ByClass::mean(const std::function<bool(int64_t)>& over) const {
  double sum = 0, n = 0;
  for (int64_t c = 0; c < std::ssize(means_); ++c) {
    if (counts_[c] == 0 || !over(c)) continue;
    sum += at(c, 0);
    ++n;
  }
  return sum / n;
}

}  // namespace omni
