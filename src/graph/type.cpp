#include "graph/type.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace omni {

int64_t size_of(DType t) {
  constexpr int64_t kSizes[] = {4, 2, 4, 1};
  return kSizes[static_cast<int>(t)];
}

const char* name_of(DType t) {
  constexpr const char* kNames[] = {"f32", "bf16", "i32", "u8"};
  return kNames[static_cast<int>(t)];
}

int64_t Shape::count() const {
  int64_t n = 1;
  for (const int64_t d : dims_) n *= d;
  return n;
}

std::string to_string(const Shape& s) { return fmt::format("[{}]", fmt::join(s.dims(), ", ")); }

std::string to_string(const Type& t) {
  std::string text = fmt::format("{}[", name_of(t.dtype));
  for (int i = 0; i < t.shape.rank(); ++i)
    text += fmt::format("{}{}{}", i ? ", " : "", t.shape[i], i == t.batch ? "*" : "");
  return text + (t.batch == kMixedBatch ? "] mixed" : "]");
}

int aligned_batch(const Type& t, int rank) {
  return t.batch < 0 ? t.batch : t.batch + rank - t.shape.rank();
}

Type broadcast(const Type& a, const Type& b, const char* op) {
  const int rank = std::max(a.shape.rank(), b.shape.rank());
  std::vector<int64_t> dims(rank);
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.shape.rank()), ib = i - (rank - b.shape.rank());
    const int64_t da = ia < 0 ? 1 : a.shape[ia], db = ib < 0 ? 1 : b.shape[ib];
    require(da == db || da == 1 || db == 1, "{}: shapes {} and {} do not broadcast (axis {} of {})",
            op, a, b, i, rank);
    dims[i] = da == 1 ? db : da;
  }
  // Samples that happen to be as many as something else: a mask without its last axis, say.
  for (const auto& [t, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    if (t->batch < 0 || other->batch < 0 || t->shape[t->batch] == 1) continue;
    const int axis = aligned_batch(*t, rank) - (rank - other->shape.rank());
    require(axis < 0 || axis == other->batch || other->shape[axis] == 1,
            "{}: {} and {} do not broadcast: the samples (*) of the one meet another axis of the "
            "other; reshape it to have 1 there", op, a, b);
  }
  Type out{DType::f32, Shape(dims), kNoBatch};
  for (const Type* t : {&a, &b}) {
    if (t->batch == kNoBatch || out.batch == kMixedBatch) continue;
    const int axis = aligned_batch(*t, rank);
    out.batch = out.batch == kNoBatch || out.batch == axis ? axis : kMixedBatch;
  }
  if (out.batch < 0) return out;
  for (const Type* t : {&a, &b}) {  // an array of one entry per row cannot be cut with the rows
    const int axis = out.batch - (rank - t->shape.rank());
    if (t->batch == kNoBatch && axis >= 0 && t->shape[axis] != 1) out.batch = kMixedBatch;
    if (out.batch == kMixedBatch) break;
  }
  return out;
}

int normal_axis(int64_t axis, int rank, const char* op) {
  require(axis >= -rank && axis < rank, "{}: axis {} is outside the {} axes", op, axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace omni
