// Handwritten-like digits drawn in-process: a stand-in for MNIST where no network exists. Each
// image is a pen's path, bent, slanted and shifted at random, drawn with a pen of random width.
#pragma once

#include "base/random.h"
#include "data/dataset.h"

namespace omni {

// `train_count` + `test_count` images of 28 x 28, u8, 0 paper to 255 ink, like MNIST's. Sample i
// of a split depends on the key and i alone, and so does its class: every ten consecutive samples
// hold each class once, in random order. About as hard as MNIST for a fully connected network: one
// of 784-128-10 units gets 95 % of the test images right after two epochs and 96 % after four (on
// MNIST 96 % after two). The full size, 60,000 + 10,000, takes about 2 s on one core.
Dataset digits(Key key, int64_t train_count, int64_t test_count);

}  // namespace omni
