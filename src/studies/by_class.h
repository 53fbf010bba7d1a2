// What was measured of samples, class by class.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/trial.h"

namespace omni {

// Of the samples of a subset, in its order.
std::vector<int32_t> labels_of(const Trial& t, const std::string& subset);

// The mean over the samples of each class, in double, of one number a sample or of several, such as
// an image. NaN for a class without samples.
class ByClass {
 public:
  // `values`: of one sample after another, as many of each. UserError unless they are.
  ByClass(std::span<const int32_t> labels, const auto& values) {
    width_ = labels.empty() ? 0 : values.size() / labels.size();
    require(width_ > 0 && values.size() == width_ * labels.size(),
            "{} values are not as many of each of {} samples", values.size(), labels.size());
    for (size_t i = 0; i < values.size(); ++i) add(labels[i / width_], i % width_, values[i]);
    finish();
  }

  double operator[](int64_t c) const { return at(c, 0); }  // of one number
  std::vector<float> row(int64_t c) const;                 // of all
  // Over those of these classes that have samples, unweighted; of one number.
  double mean(const std::function<bool(int64_t c)>& over) const;

 private:
  void add(int32_t label, size_t i, double value);
  void finish();
  double at(int64_t c, size_t i) const;

  size_t width_ = 0;
  std::vector<std::vector<double>> means_;  // sums at first
  std::vector<double> counts_;
};

}  // namespace omni
