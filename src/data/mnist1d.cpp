#include "data/mnist1d.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "data/source.h"

namespace omni {
namespace {

constexpr int kTemplateSteps = 12;
constexpr int kClasses = 10;
using Template = std::array<double, kTemplateSteps>;
using Signal = std::vector<double>;

// Heights of the pen along each digit (the paper's figure 2, reference implementation's numbers).
constexpr std::array<Template, kClasses> kHeights = {{
    {5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5},
    {5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5},
    {5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5},
    {5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5},
    {5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5},
    {5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5},
    {5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5},
    {5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5},
    {5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5},
    {5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5},
}};

// Mean and standard deviation over all steps of 1,000,000 signals with the default options.
constexpr double kMean = -0.006044, kDeviation = 0.154691;

// Unit deviation, first step at zero, then a sixth of that.
std::array<Template, kClasses> shapes() {
  std::array<Template, kClasses> result = kHeights;
  for (Template& steps : result) {
    double mean = 0, variance = 0;
    for (const double h : steps) mean += h / kTemplateSteps;
    for (const double h : steps) variance += (h - mean) * (h - mean) / kTemplateSteps;
    const double first = steps[0];
    for (double& h : steps) h = (h - first) / std::sqrt(variance) / 6;
  }
  return result;
}

// Linear interpolation of the whole signal at `steps` evenly spaced places, both ends kept.
Signal resample(const Signal& signal, int steps) {
  Signal result(steps);
  const auto last = static_cast<int>(signal.size()) - 1;
  for (int i = 0; i < steps; ++i) {
    const double place = static_cast<double>(i) * last / (steps - 1);
    const int left = std::min(static_cast<int>(place), last - 1);
    const double share = place - left;
    result[i] = signal[left] * (1 - share) + signal[left + 1] * share;
  }
  return result;
}

// Gaussian smoothing with a deviation of 2 steps, cut at 4 deviations, mirrored at the ends.
Signal smooth(const Signal& signal) {
  constexpr int kRadius = 8;
  static const std::array<double, 2 * kRadius + 1> weights = [] {
    std::array<double, 2 * kRadius + 1> w{};
    double sum = 0;
    for (int d = -kRadius; d <= kRadius; ++d) sum += w[d + kRadius] = std::exp(-d * d / 8.0);
    for (double& v : w) v /= sum;
    return w;
  }();
  const auto n = static_cast<int>(signal.size());
  Signal result(n);
  for (int i = 0; i < n; ++i)
    for (int d = -kRadius; d <= kRadius; ++d) {
      int j = i + d;
      if (j < 0) j = -1 - j;
      if (j >= n) j = 2 * n - 1 - j;
      result[i] += weights[d + kRadius] * signal[j];
    }
  return result;
}

Signal make_signal(const Template& shape, Stream& random, const Mnist1dOptions& o) {
  // A tiny offset marks the template's steps, so that only padding counts as zero below.
  constexpr double kMark = 1e-8;
  Signal signal;
  for (const double h : shape) signal.push_back(h + kMark);
  signal.resize(kTemplateSteps + o.least_padding +
                random.below(static_cast<uint64_t>(o.most_padding - o.least_padding) + 1));
  signal = resample(signal, kTemplateSteps + o.most_padding);
  const double scale = 1 + o.scale_range * (random.uniform() - 0.5);
  for (double& v : signal) v *= scale;
  const auto shift = static_cast<ptrdiff_t>(random.below(static_cast<uint64_t>(o.translations)));
  std::rotate(signal.begin(), signal.end() - shift, signal.end());

  Signal noise(signal.size());
  for (double& v : noise) v = o.correlated_noise * random.normal();
  noise = smooth(noise);
  for (size_t i = 0; i < signal.size(); ++i) {
    if (signal[i] == 0) signal[i] = noise[i];
    signal[i] += o.independent_noise * random.normal();
  }
  const double shear = o.shear_range * (random.uniform() - 0.5);
  for (size_t i = 0; i < signal.size(); ++i)
    signal[i] -= shear * (static_cast<double>(i) / static_cast<double>(signal.size() - 1) - 0.5);
  return resample(signal, o.length);
}

Split make_split(Key key, int64_t count, const Mnist1dOptions& options) {
  static const std::array<Template, kClasses> templates = shapes();
  Split split{Samples(SampleType::f32, count, options.length), {}};
  const std::span<float> x = split.x.f32();
  for (int64_t i = 0; i < count; ++i) {
    split.y.push_back(balanced_class(key, i, kClasses));
    Stream random(key.fold("signal").fold(static_cast<uint64_t>(i)));
    const Signal signal = make_signal(templates[split.y.back()], random, options);
    for (int step = 0; step < options.length; ++step)
      x[i * options.length + step] = static_cast<float>((signal[step] - kMean) / kDeviation);
  }
  return split;
}

}  // namespace

Dataset mnist1d(Key key, int64_t train_count, int64_t test_count, const Mnist1dOptions& options) {
  require(train_count >= 1 && test_count >= 1,
          "mnist1d: expected at least one sample in each split, found {} and {}", train_count,
          test_count);
  require(options.least_padding >= 0 && options.most_padding >= options.least_padding &&
              options.length >= 2 && options.translations >= 1 &&
              options.translations <= kTemplateSteps + options.most_padding,
          "mnist1d: expected 0 <= least_padding <= most_padding, length >= 2 and translations from "
          "1 to {} + most_padding, found {}, {}, {}, {}", kTemplateSteps, options.least_padding,
          options.most_padding, options.length, options.translations);
  Dataset data;
  data.name = data.requested = "mnist1d";
  data.source = "generated";
  data.shape = {options.length};
  data.classes = kClasses;
  data.train = make_split(key.fold("mnist1d train"), train_count, options);
  data.test = make_split(key.fold("mnist1d test"), test_count, options);
  data.hash = content_hash(data.train, data.test);
  return data;
}

DataSource mnist1d_source() {
  const auto draw = [](Key key, int64_t train, int64_t test) { return mnist1d(key, train, test); };
  return {.name = "mnist1d",
          .shape = {Mnist1dOptions().length},
          .type = SampleType::f32,
          .classes = kClasses,
          .train_count = 4000,
          .test_count = 1000,
          .draw = draw};
}

}  // namespace omni
