// What oneDNN has on this processor: a wrong answer would make training slower and fail nothing.
#include "cpu/onednn.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace omni::cpu::onednn {
namespace {

TEST(OneDnn, HasBf16WhereverThereIsAvx512) {
#if defined(__x86_64__)
  const bool has_avx512 = __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool lowered = std::getenv("DNNL_MAX_CPU_ISA") != nullptr;
  EXPECT_TRUE(has_bf16() || lowered || !has_avx512) << instructions();
#endif
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
