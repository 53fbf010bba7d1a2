// What a value is: element type, shape, and which axis, if any, counts the samples of the batch.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"

namespace omni {

// Graphs compute in f32. bf16 marks values stored with 16 bits under bf16 precision; i32 holds
// indices and labels, u8 holds raw pixels. Truth values are f32 zeros and ones.
enum class DType : uint8_t { f32, bf16, i32, u8 };

int64_t size_of(DType t);          // bytes per element
const char* name_of(DType t);      // "f32", ...
constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::bf16; }

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  int64_t back() const { return dims_.back(); }
  int64_t count() const;                       // product of the dimensions, 1 for a scalar
  const std::vector<int64_t>& dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  bool operator==(const Shape&) const = default;

 private:
  std::vector<int64_t> dims_;
};

// Type::batch when a value has no batch axis, or holds samples mixed in a way that cannot be cut
// into slices of rows (a batch statistic's neighbour, a reshape across samples).
inline constexpr int kNoBatch = -1, kMixedBatch = -2;

struct Type {
  DType dtype = DType::f32;
  Shape shape;
  int batch = kNoBatch;  // the axis that counts samples, kNoBatch or kMixedBatch

  int64_t count() const { return shape.count(); }
  int64_t bytes() const { return count() * size_of(dtype); }
  bool operator==(const Type&) const = default;
};

std::string to_string(const Shape& s);  // "[128, 784]"
std::string to_string(const Type& t);   // "f32[128*, 784]": the star marks the batch axis

// t's batch axis (or kNoBatch, kMixedBatch) among `rank` axes that it is broadcast to.
int aligned_batch(const Type& t, int rank);

// The shape both broadcast to by NumPy's rule (aligned at the last axis, 1 stretches), with the
// batch axis of whichever has one; mixed where the axes differ, or where the other has entries for
// each row but no batch axis. The type is f32. Throws UserError naming `op` otherwise, and where the
// batch axis of one meets another axis of the other that is not 1.
Type broadcast(const Type& a, const Type& b, const char* op);

// An axis counted from the front; negative ones count from the back. Throws UserError.
int normal_axis(int64_t axis, int rank, const char* op);

}  // namespace omni

template <>
struct fmt::formatter<omni::Shape> : fmt::formatter<std::string> {
  auto format(const omni::Shape& s, auto& ctx) const {
    return fmt::formatter<std::string>::format(omni::to_string(s), ctx);
  }
};
template <>
struct fmt::formatter<omni::Type> : fmt::formatter<std::string> {
  auto format(const omni::Type& t, auto& ctx) const {
    return fmt::formatter<std::string>::format(omni::to_string(t), ctx);
  }
};
