// Ops that follow indices: rows of a table, sums into rows, rows put in place, one-hot codes, one
// entry of each row. An index outside its range reads and writes nothing: where it would read, the
// result is zero.
#pragma once

#include "graph/graph.h"

namespace omni {

namespace ops {
extern const OpDef gather, scatter_add, put_rows, one_hot, take_last;
}

// Rows of table [N, ...] by index i32 [..] -> [.., ...] of the table's dtype (f32, i32, u8); zeros
// where the index is outside 0..N-1. Batched like the index; a batched table mixes samples.
Value gather(Value table, Value index);

// gather from a table of f32 vectors, [N, width]; its gradient is a scatter_add.
Value embedding(Value table, Value index);

// out[n, ...] = the sum of rows[i, ...] over all i with index[i] == n, in the order of i:
// rows f32 [.., ...], index i32 [..] -> f32 [count, ...]. Rows with an index outside 0..count-1 are
// left out. Over batched rows this is a plain sum over the batch: its result has no batch axis.
Value scatter_add(Value rows, Value index, int64_t count);

// `into` with other rows at some places: rows f32 [.., ...] at index i32 [..] of into f32 [N, ...].
// No two indices within 0..N-1 may be equal; rows with one outside are left out. As the new value
// of the input `into` it writes these rows alone.
Value put_rows(Value into, Value rows, Value index);

// index i32 [..] -> f32 [.., classes], 1 at the index and 0 elsewhere; all 0 for an index outside.
Value one_hot(Value index, int64_t classes);

// out[..] = v[.., index[..]] for v f32 [.., C], index i32 [..]: the log-probability of a label.
// 0 for an index outside 0..C-1.
Value take_last(Value v, Value index);

}  // namespace omni
