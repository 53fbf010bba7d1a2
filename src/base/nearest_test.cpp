#include "base/nearest.h"

#include <gtest/gtest.h>

namespace omni {
namespace {

using Names = std::vector<std::string>;
const Names kSets = {"mnist", "fashion-mnist", "mnist1d", "digits"};

TEST(EditDistance, CountsEachKindOfSlipOnce) {
  EXPECT_EQ(edit_distance("mnist", "mnist"), 0u);
  EXPECT_EQ(edit_distance("mnst", "mnist"), 1u);
  EXPECT_EQ(edit_distance("mnisst", "mnist"), 1u);
  EXPECT_EQ(edit_distance("mnost", "mnist"), 1u);
  EXPECT_EQ(edit_distance("mnsit", "mnist"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(EditDistance, IgnoresCaseAndKindOfDash) {
  EXPECT_EQ(edit_distance("Fashion_MNIST", "fashion-mnist"), 0u);
}

TEST(Nearest, PutsTheClosestFirst) {
  EXPECT_EQ(nearest("mnist2", kSets), (Names{"mnist", "mnist1d"}));
  EXPECT_EQ(nearest("digit", kSets), (Names{"digits"}));
}

TEST(Nearest, FindsAPieceOfALongName) {
  EXPECT_EQ(nearest("fashion", kSets), (Names{"fashion-mnist"}));
}

TEST(Nearest, KeepsToItsLimitAndStaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("mnist", kSets, 1), (Names{"mnist"}));
  EXPECT_TRUE(nearest("imagenet21k", kSets).empty());
  EXPECT_TRUE(nearest("", kSets).empty());
  EXPECT_TRUE(nearest("xy", Names{"ab"}).empty());
}

TEST(Suggest, EndsAnErrorText) {
  EXPECT_EQ(suggest("digitz", kSets), "; did you mean \"digits\"?");
  EXPECT_EQ(suggest("mnist2", kSets), "; did you mean \"mnist\" or \"mnist1d\"?");
  EXPECT_EQ(suggest("zzzzzzzz", kSets), "; known: mnist, fashion-mnist, mnist1d, digits");
}

}  // namespace
}  // namespace omni
