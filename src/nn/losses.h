// Losses and scores, as scalars: means over rows. A weighted sum of losses is written as such;
// leave a term out rather than giving it the weight 0.
#pragma once

#include "nn/net.h"

namespace omni {

// Mean over rows of -log softmax(logits)[label]; logits [.., C], labels i32 [..].
Value cross_entropy(Value logits, Value labels);

// Mean over rows of KL(softmax(teacher / T) || softmax(student / T)) in nats; logits [.., C] both.
// Multiply by T^2, as Hinton, Vinyals & Dean (arXiv:1503.02531) do, where gradients of several T
// are to be comparable. Gradients flow to both: stop_gradient a teacher that is to stay.
Value kl(Value teacher_logits, Value student_logits, const Scalar& temperature = 1.0);

Value mse(Value a, Value b);  // mean over all elements of (a - b)^2
Value l1(Value a, Value b);   // mean over all elements of |a - b|

// 1 for each row whose largest logit (the first of equals) is its label's, else 0: [..].
Value correct(Value logits, Value labels);
// The share of such rows.
Value accuracy(Value logits, Value labels);

}  // namespace omni
