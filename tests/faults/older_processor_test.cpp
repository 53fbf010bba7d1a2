// What a user is told whose processor lacks what was asked for.
#include <gtest/gtest.h>

#include "base/error.h"
#include "small_run.h"

namespace omni::faults {
namespace {

TEST(OlderProcessor, RefusesBf16InOneLineBeforeAnythingIsMade) {
  const TestFolder folder;
  const auto out = folder.path() / "run";
  for (const auto& [instructions, name] : {std::pair{"AVX2", "AVX2"}, {"SSE41", "SSE4.1"}}) {
    Words words = SmallRun{.last_seed = 0}.words(out);
    words.insert(words.end(), {"--precision", "bf16"});
    const Ended ended = run(words, {{"DNNL_MAX_CPU_ISA", instructions}});
    EXPECT_EQ(ended.code, 2) << ended.shown();
    EXPECT_EQ(
        ended.err,
        fmt::format("omni: error: bf16 needs a processor for which oneDNN has it, such as one with "
                    "AVX-512; of this one oneDNN uses {} at most. Use f32 precision\n",
                    name));
    EXPECT_EQ(ended.out, "");
    EXPECT_FALSE(std::filesystem::exists(out));
  }
}

}  // namespace
}  // namespace omni::faults
