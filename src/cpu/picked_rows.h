// Rows of a table picked by number. They lie in no order that the processor could guess, and come
// from beyond the caches, so whoever reads them asks for rows well before their turn.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/memory.h"

namespace omni::cpu {

class PickedRows {
 public:
  // `count` numbers in `index` pick among `rows` rows of `row_bytes` bytes at `table`.
  PickedRows(const void* table, int64_t rows, int64_t row_bytes, const int32_t* index,
             int64_t count)
      : table_(static_cast<const char*>(table)),
        rows_(rows),
        row_bytes_(row_bytes),
        index_(index),
        count_(count),
        ahead_(std::clamp<int64_t>(kAheadBytes / std::max<int64_t>(row_bytes, 1), 2, kMostAhead)) {}

  // The bytes of the i-th picked row; null if the table has no row of that number.
  const char* row(int64_t i) const {
    const int64_t number = index_[i];
    return number >= 0 && number < rows_ ? table_ + number * row_bytes_ : nullptr;
  }

  // To be called before the first row that is read, `first`, and then before each row i.
  void ask_for_first(int64_t first) const {
    for (int64_t i = first; i < std::min(first + ahead_, count_); ++i) ask_for(i);
  }
  void ask_ahead_of(int64_t i) const {
    if (i + ahead_ < count_) ask_for(i + ahead_);
  }

 private:
  // Into the L2 cache, which has room for many rows; of a long row the processor guesses the rest.
  static constexpr int64_t kAheadBytes = 8192, kMostAhead = 64, kMostBytes = 4096;
  static constexpr int kIntoL2 = 2;

  void ask_for(int64_t i) const {
    const char* from = row(i);
    if (!from) return;
    const char* end = from + std::min(row_bytes_, kMostBytes);
    from -= reinterpret_cast<uintptr_t>(from) % kAlignment;
    for (; from < end; from += kAlignment) __builtin_prefetch(from, 0, kIntoL2);
    asm volatile("");  // or GCC takes this function for one without effects and drops its calls
  }

  const char* table_;
  int64_t rows_, row_bytes_;
  const int32_t* index_;
  int64_t count_, ahead_;
};

}  // namespace omni::cpu
