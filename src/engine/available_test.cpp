// Nothing but the processor may take bf16 away: its tests are left out where there is none.
#include "engine/available.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "cpu/onednn.h"
#include "ops/testing.h"

namespace omni {
namespace {

TEST(Available, Bf16IsWhereverThereIsAvx512) {
  EXPECT_TRUE(is_available(Precision::f32));
  const std::string used = cpu::onednn::instructions();
  EXPECT_TRUE(is_available(Precision::bf16) || !used.starts_with("AVX-512")) << used;
#if defined(__x86_64__)
  const bool has_avx512 = __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool lowered = std::getenv("DNNL_MAX_CPU_ISA") != nullptr;
  EXPECT_TRUE(is_available(Precision::bf16) || lowered || !has_avx512) << used;
#endif
}

TEST(Available, WhatIsNotIsRefusedWithWhatThereIs) {
  EXPECT_NO_THROW(require_available(Precision::f32));
  if (is_available(Precision::bf16)) {
    EXPECT_NO_THROW(require_available(Precision::bf16));
    return;
  }
  testing::expect_refused([] { require_available(Precision::bf16); },
                          "of this one oneDNN uses " + cpu::onednn::instructions() + " at most");
}

}  // namespace
}  // namespace omni
