// What oneDNN has on this processor: a wrong answer would make training slower and fail nothing.
#include "cpu/onednn.h"

#include <gtest/gtest.h>

namespace omni::cpu::onednn {
namespace {

TEST(OneDnn, HasBf16WhereverThereIsAvx512) {
  if (!instructions().starts_with("AVX-512")) GTEST_SKIP() << instructions();
  EXPECT_TRUE(has_bf16());
}

TEST(OneDnn, MultipliesBf16FasterWithAmxAndOnAmd) {
  const std::string used = instructions();
  if (used.find("AMX") != used.npos) {
    EXPECT_TRUE(multiplies_bf16_faster());
#if defined(__x86_64__)
  } else if (__builtin_cpu_is("amd")) {
    EXPECT_EQ(multiplies_bf16_faster(), used.ends_with("bf16") || used.ends_with("fp16")) << used;
#endif
  } else {
    EXPECT_FALSE(multiplies_bf16_faster()) << used;
  }
}

}  // namespace
}  // namespace omni::cpu::onednn
