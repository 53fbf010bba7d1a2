// What stands between the program and libc is no part of its build: runs under profilers and debuggers
// go on as any other.
#include <gtest/gtest.h>

#include "small_run.h"
#include "store/run_folder.h"

namespace omni::faults {
namespace {

TEST(Preload, APreloadedLibraryIsNoPartOfTheBuild) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers and LD_PRELOAD do not go together";
#endif
  const TestFolder folder;
  const SmallRun small{.last_seed = 0};
  const auto plain = folder.path() / "plain", under = folder.path() / "under";
  ASSERT_EQ(run(small.words(plain)).code, 0);
  const Ended ended = run(small.words(under), watched(under, {}));
  ASSERT_EQ(ended.code, 0) << ended.shown();
  const auto programs = [](const auto& out) { return RunFolder::open(out).manifest().programs; };
  ASSERT_EQ(programs(plain).size(), 1u);
  EXPECT_EQ(programs(under), programs(plain));
}

}  // namespace
}  // namespace omni::faults
