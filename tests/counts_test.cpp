// What the build counts of the catalogue's presets is there, is right, and is all that `list`
// needs.
#include "lab/counts.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/test_folder.h"
#include "data/catalogue.h"
#include "experiments/catalogue.h"
#include "lab/runner.h"
#include "store/files.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

Counts built() {
  const std::string path = std::string(OMNI_PROGRAM) + ".counts";
  return counts_from_json(read_file(path), path);
}

class BuiltCounts : public testing::Test {
  void SetUp() override {
#ifdef OMNI_SANITIZED
    GTEST_SKIP() << "builds with sanitizers count when they are asked";
#endif
  }
};

TEST_F(BuiltCounts, AreOfEveryPreset) {
  const Counts counts = built();
  for (const Experiment& e : catalogue())
    for (const Preset& p : e.presets) {
      const auto found = counts.presets.find({e.name, p.name});
      ASSERT_NE(found, counts.presets.end()) << e.name << " " << p.name;
      const std::string& why = found->second.why_not;
      EXPECT_TRUE(found->second.count || why.find("there is no such file") != std::string::npos)
          << e.name << " " << p.name << ": " << why;
    }
}

TEST_F(BuiltCounts, AreWhatIsCountedAnew) {
  const Counts counts = built();
  for (const Experiment& e : catalogue()) {
    RunRequest request;
    request.preset = "smoke";
    const Resolved r = resolve(e, request);
    EXPECT_EQ(counts.presets.at({e.name, "smoke"}).count,
              count_of(r, blank_dataset(r.variants.front().settings->data())))
        << e.name;
  }
}

// Had it counted anything, it would have kept that in the cache.
TEST_F(BuiltCounts, AreAllThatListNeeds) {
  const TestFolder folder;
  const fs::path cache = folder.path() / "cache";
  const std::string program = "XDG_CACHE_HOME='" + cache.string() + "' '" + OMNI_PROGRAM + "' ";
  ASSERT_EQ(std::system((program + "list > /dev/null").c_str()), 0);
  ASSERT_EQ(std::system((program + "list undo > /dev/null").c_str()), 0);
  EXPECT_FALSE(fs::exists(cache / "omniscale" / "counts"));
}

}  // namespace
}  // namespace omni
