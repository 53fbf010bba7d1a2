// Matrices turned, of every size around a block's.
#include "cpu/turn.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace omni::cpu {
namespace {

TEST(Turn, PutsColumnsWhereRowsWereAndWritesNothingElse) {
  constexpr int64_t kSource = 23, kTarget = 21;  // words from a row to the next
  constexpr uint32_t kUntouched = 0xffffffff;
  for (const int64_t rows : {1, 3, 4, 5, 8, 19})
    for (const int64_t columns : {1, 2, 4, 7, 16, 21}) {
      std::vector<uint32_t> x(rows * kSource), out(columns * kTarget, kUntouched);
      std::iota(x.begin(), x.end(), 0x7f800000u);  // NaNs keep their bits
      turn_words(x.data(), kSource * 4, rows, columns, out.data(), kTarget * 4);
      for (int64_t c = 0; c < columns; ++c)
        for (int64_t r = 0; r < kTarget; ++r)
          ASSERT_EQ(out[c * kTarget + r], r < rows ? x[r * kSource + c] : kUntouched)
              << rows << " x " << columns << " at " << r << ", " << c;
    }
}

}  // namespace
}  // namespace omni::cpu
