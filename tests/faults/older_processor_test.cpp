// What a user finds whose processor has less than ours.
#include <gtest/gtest.h>

#include "small_run.h"

namespace omni::faults {
namespace {

TEST(OlderProcessor, TrainsInEitherPrecision) {
  const TestFolder folder;
  for (const char* precision : {"f32", "bf16"})
    for (const char* instructions : {"SSE41", "AVX2", "AVX512_CORE"}) {
      Words words = SmallRun{.last_seed = 0}.words(folder.path() / precision / instructions);
      words.insert(words.end(), {"--precision", precision});
      const Ended ended = run(words, {{"DNNL_MAX_CPU_ISA", instructions}});
      EXPECT_EQ(ended.code, 0) << precision << " " << instructions << ended.shown();
    }
}

}  // namespace
}  // namespace omni::faults
