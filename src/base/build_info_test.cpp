#include "base/build_info.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace omni {
namespace {

TEST(BuildInfo, NamesVersionCommitAndCompiler) {
  const BuildInfo& info = build_info();
  EXPECT_EQ(std::count(info.version.begin(), info.version.end(), '.'), 2) << info.version;
  EXPECT_TRUE(info.commit == "unknown" || info.commit.size() == 12) << info.commit;
  EXPECT_NE(info.compiler.find(' '), std::string_view::npos) << info.compiler;
  EXPECT_FALSE(info.build_type.empty());
}

TEST(BuildInfo, OwnLibrariesBelongToTheProgram) {
  EXPECT_EQ(program_hash().size(), 12u);
  EXPECT_TRUE(is_own_library("/home/me/idea/build/libidea.so"));
  EXPECT_TRUE(is_own_library("/usr/lib/libomniscale.so.1"));
  EXPECT_TRUE(is_own_library("/usr/local/lib/libidea.so"));
  EXPECT_FALSE(is_own_library("/usr/lib/x86_64-linux-gnu/libdnnl.so.3"));
  EXPECT_FALSE(is_own_library("/lib64/ld-linux-x86-64.so.2"));
  EXPECT_FALSE(is_own_library("linux-vdso.so.1"));
  EXPECT_FALSE(is_own_library(""));
}

const int kOne = 1, kOther = 2;

TEST(BuildInfo, PlacesInTheProgramAreOfTheBuildAlone) {
  const std::string one = place_in_program(&kOne);
  EXPECT_EQ(place_in_program(&kOne), one);
  EXPECT_NE(place_in_program(&kOther), one);
  EXPECT_NE(place_in_program(reinterpret_cast<const void*>(&build_info)), one);
  // Wherever it was loaded: as far from another place as there.
  const auto offset = [](const std::string& place) {
    return std::stoull(place.substr(place.find('+') + 1));
  };
  EXPECT_EQ(offset(place_in_program(&kOther)) - offset(one),
            static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(&kOther) -
                                            reinterpret_cast<uintptr_t>(&kOne)));
  const int local = 0;
  EXPECT_THROW(place_in_program(&local), Bug);
}

}  // namespace
}  // namespace omni
