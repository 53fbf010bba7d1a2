// Encodings in parts: which part learns from which samples, and whether parts repeat each other.
// For a single value to route, see ops/route.h.
#pragma once

#include "graph/graph.h"

namespace omni {

// z [B, units] seen as P equal parts, one after another; weights [B, P]. Forward z; backward the
// gradient of part p in row i is multiplied by weights[i, p] (gradient routing, Cloud et al.,
// arXiv:2410.04332). UserError unless P divides the units.
Value route_parts(Value z, Value weights);

// Part `part` of `parts`: [B, units / parts].
Value part_of(Value z, int64_t part, int64_t parts);

// How much units of different parts move together over the batch: the mean, over all pairs of units
// in different parts, of |C_kh| with C_kh = (1/B) sum_i n_ik n_ih and n the units standardised over
// the batch (mean 0, deviation with B - 1). A constant unit correlates with nothing. z [B, units],
// B and `parts` at least 2; a scalar. Appendix B of arXiv:2410.04332, as its code computes it.
Value cross_part_correlation(Value z, int64_t parts);

}  // namespace omni
