#include "cpu/turn.h"

#include <cstring>

namespace omni::cpu {
namespace {

constexpr int64_t kWord = 4, kSide = 4;  // words of a vector that every processor has
using V = uint32_t __attribute__((vector_size(kSide * kWord)));

V load(const char* x) {
  V v;
  std::memcpy(&v, x, sizeof v);
  return v;
}
void store(V v, char* out) { std::memcpy(out, &v, sizeof v); }

V lower(V a, V b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
V upper(V a, V b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }

}  // namespace

void turn_words(const void* x, int64_t x_stride, int64_t rows, int64_t columns, void* out,
                int64_t out_stride) {
  const auto from = [&](int64_t r, int64_t c) {
    return static_cast<const char*>(x) + r * x_stride + c * kWord;
  };
  const auto to = [&](int64_t c, int64_t r) {
    return static_cast<char*>(out) + c * out_stride + r * kWord;
  };
  const int64_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (int64_t r = 0; r < whole_rows; r += kSide)
    for (int64_t c = 0; c < whole_columns; c += kSide) {
      const V row[] = {load(from(r, c)), load(from(r + 1, c)), load(from(r + 2, c)),
                       load(from(r + 3, c))};
      const V left_even = lower(row[0], row[2]), left_odd = lower(row[1], row[3]);
      const V right_even = upper(row[0], row[2]), right_odd = upper(row[1], row[3]);
      store(lower(left_even, left_odd), to(c, r));
      store(upper(left_even, left_odd), to(c + 1, r));
      store(lower(right_even, right_odd), to(c + 2, r));
      store(upper(right_even, right_odd), to(c + 3, r));
    }
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r)
      std::memcpy(to(c, r), from(r, c), kWord);
}

}  // namespace omni::cpu
