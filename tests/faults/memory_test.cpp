// Networks that are too large for the memory that the system gives.
#include <gtest/gtest.h>

#include "small_run.h"

namespace omni::faults {
namespace {

TEST(Memory, ANetworkThatDoesNotFitIsSaid) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers take their own share of addresses";
#endif
  for (const int threads : {1, 2})
    for (const int kib : {400'000, 700'000}) {
      const TestFolder folder;
      Words words = {"sh", "-c", fmt::format("ulimit -v {}; exec \"$@\"", kib), "sh"};
      for (const std::string& word : SmallRun{.threads = threads}.words(folder.path() / "run"))
        words.push_back(word);
      words.emplace_back("width=8192");  // a matrix of 256 MiB, and several of them
      const Ended ended = run(words);
      const std::string what = fmt::format("{} KiB, {} threads", kib, threads);
      expect_civil_end(ended, what);
      EXPECT_EQ(ended.code, 2) << what << "\n" << ended.shown();
      EXPECT_NE(ended.err.find("fit into memory"), std::string::npos) << what << "\n" << ended.err;
    }
}

}  // namespace
}  // namespace omni::faults
