// Softmax, cross-entropy and Kullback-Leibler divergence on logits. Row maxima are subtracted, so
// that huge logits stay finite; a NaN in a row makes that row NaN.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef softmax, log_softmax;                                    // over the last axis
extern const OpDef softmax_cross_entropy, softmax_cross_entropy_grad;
extern const OpDef kl_divergence;
}  // namespace ops

// exp(v - max) / sum, and its logarithm, along an axis. Axes other than the last are brought there
// and back by transposing.
Value softmax(Value v, int64_t axis = -1);
Value log_softmax(Value v, int64_t axis = -1);

// Logits [.., C] and i32 labels [..] give -log softmax(logits)[label] for every row, [..]. A label
// outside 0..C-1 makes its row's loss and gradient NaN.
Value softmax_cross_entropy(Value logits, Value labels);

// Its gradient, (softmax(logits) - one_hot(labels)) * dy, with dy [..]; itself differentiable.
Value softmax_cross_entropy_grad(Value logits, Value labels, Value dy);

// The same loss written with elementary ops; a label outside 0..C-1 gives 0. For tests.
Value softmax_cross_entropy_composed(Value logits, Value labels);

// KL(softmax(teacher) || softmax(student)) of every row: logits [.., C] both, result [..], in nats.
// Distillation's loss (Hinton, Vinyals & Dean 2015, arXiv:1503.02531) without its temperature.
Value kl_divergence(Value teacher_logits, Value student_logits);

}  // namespace omni
