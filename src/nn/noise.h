// Noise that training may add: units left out, images moved, labels replaced. As in ops/random.h,
// every draw is a function of (key, step, sample number, purpose), whatever the batch: a constant
// step keeps a sample's draw for ever.
#pragma once

#include <string>

#include "graph/graph.h"

namespace omni {

// Each element of h [R, ...] becomes 0 with probability p, the others are divided by 1 - p
// (Srivastava et al. 2014, "Dropout"). 0 <= p < 1: UserError otherwise.
Value dropout(Value h, double p, Value key, Value step, Value index, const std::string& purpose);

// Each image of [R, height, width] moved by whole pixels, uniform in -most..most along each axis
// that is longer than 1. What enters from outside has the value `background`.
Value shift_images(Value images, int64_t most, double background, Value key, Value step,
                   Value index, const std::string& purpose);

// Labels i32 [R], each with probability `share` replaced by one of `classes`, all alike: the right
// one as well.
Value replace_labels(Value labels, double share, int64_t classes, Value key, Value step,
                     Value index, const std::string& purpose);

}  // namespace omni
