#include "cli/progress.h"

#include <gtest/gtest.h>

#include "base/text_table.h"
#include "cli/screen.h"

namespace omni::cli {
namespace {

TEST(Progress, OneLineSaysWhatIsDoneAndWhatIsLeft) {
  const std::string line = progress_line({.seeds = 32, .seeds_done = 8, .matmul_flops = 8e12,
                                          .done = {240, 2e12}, .elapsed_s = 12}, 100);
  EXPECT_TRUE(line.starts_with(" 25% |")) << line;
  EXPECT_TRUE(line.ends_with("8/32 seeds  20 model-epochs/s  0:12 < 0:36")) << line;
}

TEST(Progress, NeverWiderThanTheScreen) {
  const ProgressState s{.seeds = 1000, .seeds_done = 999, .matmul_flops = 60000,
                        .done = {59999, 59999},
                        .models = 6000, .diverged = 17, .elapsed_s = 1e5};
  for (size_t width = 20; width < 140; ++width)
    EXPECT_LE(width_of(progress_line(s, width)), width);
}

TEST(Progress, NotDoneBeforeTheLastSeedIs) {
  EXPECT_TRUE(progress_line({.seeds = 4, .seeds_done = 3, .matmul_flops = 10, .done = {9, 10}}, 90)
                  .starts_with(" 99%"));
  EXPECT_TRUE(progress_line({.seeds = 4, .seeds_done = 4, .matmul_flops = 10, .done = {9, 9}}, 90)
                  .starts_with("100%"));
}

TEST(Progress, PlainLinesOffTerminals) {
  std::string text, log;
  {
    Progress p(
        false, [&](const std::string& s) { text += s; }, nullptr,
        [&](const std::string& s) { log += s + "\n"; });
    p.began(2, 0, 4);
    p.note("a note");
    p.advanced({4, 4});
    std::vector<ModelResult> models(2);
    p.seed_done(1, models);
    models[0] = {.arm = "a", .seed = 0, .status = ModelStatus::diverged, .status_step = 7,
                 .weights_hash = {}, .metrics = {}};
    p.seed_done(0, models);
  }
  EXPECT_TRUE(text.starts_with("!! a note\n")) << text;
  EXPECT_NE(text.find("2/2 seeds, 1 of 4 models diverged"), std::string::npos) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_TRUE(text.ends_with("\n"));
  EXPECT_TRUE(log.starts_with("a note\nseed 1 done after 0:0")) << log;
  EXPECT_TRUE(log.ends_with("seed 0: a diverged at step 7\n")) << log;
}

TEST(Progress, QuietSaysOnlyNotes) {
  std::string text;
  {
    const auto add = [&](const std::string& s) { text += s; };
    Progress p(true, add, add, [](const std::string&) {});
    p.began(1, 0, 1);
    p.note("loud");
    p.seed_done(0, {});
  }
  EXPECT_EQ(text, "!! loud\n");
}

}  // namespace
}  // namespace omni::cli
