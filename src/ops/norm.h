// Normalisation of every row over the last axis.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef layer_norm;
}

// (x - mean) / sqrt(variance + eps) * gamma + beta, statistics over the last axis (the variance
// divides by C); x [.., C], gamma and beta [C]. Ba, Kiros & Hinton 2016, arXiv:1607.06450.
Value layer_norm(Value x, Value gamma, Value beta, double eps = 1e-5);

// The same written with elementary ops. For tests.
Value layer_norm_composed(Value x, Value gamma, Value beta, double eps = 1e-5);

// x / sqrt(mean(x^2) + eps) * gamma. Zhang & Sennrich 2019, arXiv:1910.07467.
Value rms_norm(Value x, Value gamma, double eps = 1e-5);

}  // namespace omni
