// The lengths of one attention, and who sees whom.
#pragma once

#include <algorithm>
#include <utility>

#include "graph/graph.h"

namespace omni {

inline constexpr double kMasked = 1e30;  // in the elementary form; exp(-1e30) is 0

struct AttentionShape {
  int64_t batch = 0, queries = 0, keys = 0, heads = 0, kv_heads = 0, width = 0;  // of a head
  double scale = 1;
  bool causal = false;
  int64_t window = 0;

  static AttentionShape of(const Type& q, const Type& k, const Attrs& attrs);

  int64_t shared() const { return heads / kv_heads; }  // heads of one group of keys
  // The keys that query t sees: first .. end - 1.
  std::pair<int64_t, int64_t> visible(int64_t t) const {
    const int64_t now = t + keys - queries;
    const int64_t end = causal ? now + 1 : keys;
    return {window > 0 ? std::max<int64_t>(0, now + 1 - window) : 0, end};
  }
};

}  // namespace omni
