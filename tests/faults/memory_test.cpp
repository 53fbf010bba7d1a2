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

// From what the program's libraries take to what the run does with, memory ends anywhere in the
// work: also where oneDNN writes code, which follows null pointers.
TEST(Memory, MayEndAnywhere) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers take their own share of addresses";
#endif
  constexpr int kNotStarted = 127;  // the system could not load the libraries
  int finished = 0, refused = 0;
  for (int kib = 110'000; finished < 3; kib += 6'000) {
    ASSERT_LT(kib, 1'000'000);
    const TestFolder folder;
    const Ended ended = run_in(kib, {.last_seed = 0}, "width=512", folder.path() / "run");
    if (ended.code == kNotStarted) continue;
    const std::string what = fmt::format("{} KiB", kib);
    expect_civil_end(ended, what);
    ++(ended.code == 0 ? finished : refused);
    if (ended.code == 0) continue;
    EXPECT_NE(ended.err.find("memory"), std::string::npos) << what << "\n" << ended.err;
  }
  EXPECT_GT(refused, 2);
}

}  // namespace
}  // namespace omni::faults
