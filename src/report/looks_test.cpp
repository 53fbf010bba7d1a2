#include "report/looks.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <utility>

namespace omni {
namespace {

std::vector<ArmInfo> arms() {
  return {{"base", "Base", "", {}},
          {"u1", "UNDO 0.2", "", {}},
          {"u2", "UNDO 0.4, beta 1", "", {}},
          {"u3", "UNDO 0.8", "", {}},
          {"rmu", "RMU", "", {}}};
}

int brightness(uint32_t colour) {
  return static_cast<int>((colour >> 16) + ((colour >> 8) & 0xff) + (colour & 0xff));
}

TEST(Looks, LabelsAlikeUpToTheirNumbersAreAFamily) {
  EXPECT_EQ(family_of("UNDO 0.2"), family_of("UNDO 0.4, beta 1"));
  EXPECT_EQ(family_of("UNDO"), family_of("UNDO 0.4"));
  EXPECT_EQ(family_of("Teacher, width=64"), family_of("Teacher, width=128"));
  EXPECT_NE(family_of("Teacher"), family_of("Student"));
  EXPECT_EQ(family_of("0.5"), "0.5") << "a label that is a number is its own family";
}

TEST(Looks, AFamilySharesAHueAndGrowsLighter) {
  const Looks looks(arms());
  EXPECT_EQ(looks.of_arm("base").colour, 0x0072B2u) << "alone it has the hue itself";
  EXPECT_LT(brightness(looks.of_arm("u1").colour), brightness(looks.of_arm("u2").colour));
  EXPECT_LT(brightness(looks.of_arm("u2").colour), brightness(looks.of_arm("u3").colour));
  std::set<uint32_t> colours;
  for (const ArmInfo& a : arms()) colours.insert(looks.of_arm(a.name).colour);
  EXPECT_EQ(colours.size(), arms().size());
}

TEST(Looks, AnArmLooksAlikeInEveryFigure) {
  const Looks looks(arms());
  const std::vector<Series> few = {{.label = "R", .arm = "rmu"}, {.label = "B", .arm = "base"}};
  const std::vector<Series> many = {{.label = "B", .arm = "base"},
                                    {.label = "U", .arm = "u2"},
                                    {.label = "R", .points = {{0, "rmu", "m"}, {1, "rmu", "n"}}}};
  EXPECT_EQ(looks.of_series(few)[0], looks.of_arm("rmu"));
  EXPECT_EQ(looks.of_series(few)[1], looks.of_arm("base"));
  EXPECT_EQ(looks.of_series(many)[0], looks.of_arm("base"));
  EXPECT_EQ(looks.of_series(many)[1], looks.of_arm("u2"));
  EXPECT_EQ(looks.of_series(many)[2], looks.of_arm("rmu"));
}

TEST(Looks, NoTwoSeriesOfAFigureAreAlike) {
  const Looks looks(arms());
  const std::vector<Series> series = {
      {.label = "topic", .arm = "base", .metric = "topic"},
      {.label = "other", .arm = "base", .metric = "other"},
      {.label = "mixed", .points = {{0, "base", ""}, {1, "rmu", ""}}},
      {.label = "undo", .points = {{0, "u1", ""}, {1, "u2", ""}}},
      {.label = "mixed", .points = {{0, "base", ""}, {1, "u1", ""}}},
      {.label = "third", .arm = "base", .metric = "third"}};
  const std::vector<Look> found = looks.of_series(series);
  const auto bar = [](const Look& l) { return std::pair(l.colour, l.fill()); };
  const auto line = [](const Look& l) { return std::tuple(l.colour, l.dash(), l.marker()); };
  for (size_t i = 0; i < found.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(bar(found[i]), bar(found[j])) << i << " " << j;
      EXPECT_NE(line(found[i]), line(found[j])) << i << " " << j;
    }
  EXPECT_EQ(found[0].colour, found[1].colour) << "one arm, one colour";
  EXPECT_NE(found[0].dash(), found[1].dash());
  EXPECT_NE(found[0].marker(), found[1].marker());
  EXPECT_NE(found[2].colour, found[0].colour) << "a series of several arms has none of their hues";
  EXPECT_EQ(found[3].colour, 0xD55E00u) << "a series of a family has its hue";
}

TEST(Looks, MoreFamiliesThanHuesGoRound) {
  std::vector<ArmInfo> many;
  for (char c = 'a'; c < 'a' + 16; ++c)
    many.push_back({std::string(1, c), std::string(1, c), "", {}});
  const Looks looks(many);
  EXPECT_EQ(looks.of_arm("a").colour, looks.of_arm("h").colour);
  EXPECT_NE(looks.of_arm("a"), looks.of_arm("h"));
  EXPECT_NE(looks.of_arm("h"), looks.of_arm("o"));
}

}  // namespace
}  // namespace omni
