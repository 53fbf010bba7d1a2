// Networks that are too large for the memory that the system gives.
#include <gtest/gtest.h>

#include "small_run.h"

namespace omni::faults {

namespace fs = std::filesystem;

namespace {

// The small run with settings of its own, in a process that may have so much memory.
Ended run_in(int kib, const SmallRun& small, const std::string& setting, const fs::path& out) {
  Words words = {"sh", "-c", fmt::format("ulimit -v {}; exec \"$@\"", kib), "sh"};
  for (const std::string& word : small.words(out)) words.push_back(word);
  words.push_back(setting);
  return run(words);
}

TEST(Memory, ANetworkThatDoesNotFitIsSaid) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers take their own share of addresses";
#endif
  for (const int threads : {1, 2})
    for (const int kib : {400'000, 700'000}) {
      const TestFolder folder;
      // A matrix of 256 MiB, and several of them.
      const Ended ended = run_in(kib, {.threads = threads}, "width=8192", folder.path() / "run");
      const std::string what = fmt::format("{} KiB, {} threads", kib, threads);
      expect_civil_end(ended, what);
      EXPECT_EQ(ended.code, 2) << what << "\n" << ended.shown();
      EXPECT_NE(ended.err.find("fit into memory"), std::string::npos) << what << "\n" << ended.err;
    }
}

// The least that a run needs lies in this range, so that memory ends anywhere in the work: also
// where oneDNN writes code, which follows null pointers.
TEST(Memory, MayEndAnywhere) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers take their own share of addresses";
#endif
  int finished = 0, refused = 0;
  for (int kib = 110'000; kib <= 200'000; kib += 6'000) {
    const TestFolder folder;
    const Ended ended = run_in(kib, {.last_seed = 0}, "width=512", folder.path() / "run");
    const std::string what = fmt::format("{} KiB", kib);
    expect_civil_end(ended, what);
    ++(ended.code == 0 ? finished : refused);
    EXPECT_TRUE(ended.code == 0 || ended.err.find("memory") != std::string::npos)
        << what << "\n" << ended.err;
  }
  EXPECT_GT(finished, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace omni::faults
