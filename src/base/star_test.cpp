// What a * in a name stands for.
#include "base/star.h"

#include <gtest/gtest.h>

namespace omni {
namespace {

TEST(Star, StandsForAnything) {
  EXPECT_EQ(star_in("fork-*", "fork-0.5"), "0.5");
  EXPECT_EQ(star_in("*-rmu", "era-rmu"), "era");
  EXPECT_EQ(star_in("a*b", "ab"), "");
  EXPECT_EQ(star_in("a*b", "a-*-b"), "-*-");
  EXPECT_EQ(star_in("*", ""), "");
  EXPECT_EQ(star_in("era", "era"), "");
}

TEST(Star, FitsNothingElse) {
  EXPECT_FALSE(star_in("fork-*", "forks-0.5"));
  EXPECT_FALSE(star_in("aba*aba", "ababa")) << "no letter is both before and after it";
  EXPECT_FALSE(star_in("era", "era-rmu"));
  EXPECT_FALSE(star_in("", "a"));
}

TEST(Star, IsFilledInEverywhere) {
  EXPECT_EQ(with_star("Fork at *: *", "0.5"), "Fork at 0.5: 0.5");
  EXPECT_EQ(with_star("nothing", "x"), "nothing");
}

}  // namespace
}  // namespace omni
