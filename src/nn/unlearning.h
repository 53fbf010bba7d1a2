// Losses that make a model forget, as scalars over any logits and activations: digits, tokens.
#pragma once

#include <string>

#include "nn/net.h"

namespace omni {

// Gradient difference: -ce_forget + a * ce_retain. The loss on what is to be forgotten is driven
// up, without bound, while the weighted loss on the rest holds the model in place. Liu, Liu & Stone
// 2022 ("Continual learning and private unlearning", arXiv:2203.12817); Maini et al. 2024 (TOFU,
// arXiv:2401.06121).
Value grad_diff(Value ce_forget, Value ce_retain, const Scalar& a = 1.0);

// Maximum entropy: mean over rows of KL(uniform || softmax(logits)), logits [.., C] on what is to
// be forgotten; 0 where all logits of a row are equal. Add the loss on what is to be kept. The
// MaxEnt method of Lee et al. 2025 (arXiv:2506.06278).
Value max_entropy(Value forget_logits);

// Representation misdirection: mean((h_forget - c u)^2) + a mean((h_retain - frozen_h_retain)^2),
// means over all elements. Activations [.., D] of one layer; the frozen ones are the model's before
// unlearning and get no gradient; u [.., D], a fixed direction, broadcasts to h_forget. A weight a
// of the number 0 leaves the second term out. Train the layers just below the activations alone
// (ApplyOptions::trainable). Li et al. 2024 (WMDP, arXiv:2403.03218).
Value rmu(Value h_forget, Value h_retain, Value frozen_h_retain, Value u, const Scalar& c,
          const Scalar& a);

// A direction [1, width] of length 1, uniform over the sphere: a function of the key (i32 [2], as
// Step::key()) and the visible name, the same at every step. (Li et al. draw its entries from
// [0, 1); all those directions lie within one orthant.)
Value random_direction(Value key, const std::string& purpose, int64_t width);

}  // namespace omni
