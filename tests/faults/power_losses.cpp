#include "power_losses.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "disk_log.h"
#include "small_run.h"

namespace omni::faults {

namespace fs = std::filesystem;

namespace {

// Lines of stored models; none where there is no table yet.
int models_stored(const fs::path& out) {
  if (!fs::exists(out / "results.sqlite") || fs::file_size(out / "results.sqlite") == 0) return 0;
  try {
    const std::string lines = stored_models(out, 1'000'000);
    return static_cast<int>(std::ranges::count(lines, '\n'));
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

void expect_power_losses_lose_nothing(int threads, int moments) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers and LD_PRELOAD do not go together";
#endif
  const SmallRun small{.threads = threads};
  const TestFolder folder;
  const fs::path log = folder.path() / "log", work = folder.path() / "work";
  fs::create_directory(work);
  const Ended ended =
      run(small.words(work / "run"), watched(work, {{"OMNI_FAULT_LOG", log.string()}}));
  ASSERT_EQ(ended.code, 0) << ended.shown();
  const std::vector<Change> changes = read_log(log);
  ASSERT_GT(changes.size(), 50u);

  Disk disk;
  size_t applied = 0;
  int stored_before = 0;
  const auto count = static_cast<size_t>(moments);
  for (size_t i = 1; i <= count && !testing::Test::HasFailure(); ++i) {
    const size_t until = changes.size() * i / count;
    for (; applied < until; ++applied) disk.apply(changes[applied]);
    for (const UnsyncedNames names : {UnsyncedNames::lost, UnsyncedNames::kept}) {
      const TestFolder after;
      const fs::path out = after.path() / "run";
      disk.write_remains(after.path(), names);
      const std::string what = fmt::format(
          "power lost after {} of {} changes ({} {}), unsynced names {}", applied, changes.size(),
          changes[applied - 1].what, changes[applied - 1].path,
          names == UnsyncedNames::lost ? "lost" : "kept");
      const int stored = models_stored(out);
      EXPECT_GE(stored, stored_before) << what << ": what had been stored is gone";
      stored_before = std::max(stored_before, names == UnsyncedNames::lost ? stored : 0);
      expect_finishes(small, out, what);
    }
  }
  EXPECT_GT(stored_before, 0);
}

}  // namespace omni::faults
