// MNIST-1D: forty-step signals of ten classes, generated in-process. Small enough to train a model
// in under a second, hard enough to tell architectures apart.
// S. Greydanus, D. Kobak, "Scaling down deep learning with MNIST-1D", arXiv 2011.14597.
#pragma once

#include "base/random.h"
#include "data/dataset.h"

namespace omni {

// The numbers of the paper's default set; lengths are in steps before the signal is resampled.
struct Mnist1dOptions {
  int least_padding = 36, most_padding = 60;  // zeros put behind the 12-step template
  double scale_range = 0.4;                   // amplitude is 1 +- half of this
  int translations = 48;                      // circular shift by 0..translations-1
  double correlated_noise = 0.25;             // before smoothing; only where the signal is zero
  double independent_noise = 0.02;
  double shear_range = 0.75;
  int length = 40;
};

// `train_count` + `test_count` signals, f32, shape [length]. Sample i depends on the key and i
// alone, and so does its class: every ten consecutive samples hold each class once, in random
// order.
//
// Two departures from the published set make that possible, neither of which changes its kind:
// the random numbers are ours, and signals are standardised with the mean and deviation of the
// procedure (fixed numbers, for the default options) rather than of the drawn set.
Dataset mnist1d(Key key, int64_t train_count, int64_t test_count,
                const Mnist1dOptions& options = {});

}  // namespace omni
