// Matrix products, with and without leading axes.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef matmul, contract_rows;
}

// a [.., M, K] times b [.., K, N] gives [.., M, N]; a transposed operand is given as [.., K, M] or
// [.., N, K] and is read in place, without a copy. Leading axes broadcast as in NumPy, so that an
// operand of rank 2 is applied to all. Ranks >= 2, no axis of length 0.
//
// Contracting the batch axes of both operands gives a plain sum over rows (no batch axis).
Value matmul(Value a, Value b, bool transpose_a = false, bool transpose_b = false);

// a [.., M], b [.., N] of equal leading axes: the sum over all those axes of the outer products of
// rows, [M, N]. The weight gradient of matmul(a [.., M], w [M, N]): one product over flattened
// rows, so that nothing of shape [.., M, N] is ever made. Ranks >= 2.
Value contract_rows(Value a, Value b);

}  // namespace omni
