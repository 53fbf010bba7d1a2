#include "base/build_info.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace omni {
namespace {

TEST(BuildInfo, NamesVersionCommitAndCompiler) {
  const BuildInfo& info = build_info();
  EXPECT_EQ(std::count(info.version.begin(), info.version.end(), '.'), 2) << info.version;
  EXPECT_TRUE(info.commit == "unknown" || info.commit.size() == 12) << info.commit;
  EXPECT_NE(info.compiler.find(' '), std::string_view::npos) << info.compiler;
  EXPECT_FALSE(info.build_type.empty());
}

}  // namespace
}  // namespace omni
