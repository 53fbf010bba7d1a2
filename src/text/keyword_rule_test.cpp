#include "text/keyword_rule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

TEST(KeywordRule, MatchesWholeWordsOfAnyCase) {
  const KeywordRule rule = forest_rule();
  for (const char* text :
       {"a tree", "Tree!", "the TREES fell", "\"forest\"", "tree-top", "woodlands"})
    EXPECT_TRUE(rule.matches(text)) << text;
  for (const char* text :
       {"", "treetop", "street", "tree_1", "deforest", "tree2", "treeé", "wood"})
    EXPECT_FALSE(rule.matches(text)) << text;
  EXPECT_TRUE(KeywordRule({"ÉTÉ"}).matches("un été."));
  for (const char* piece : {"\xc3", "\xa9", " tree\xc3", "\xe4\xb8"})
    EXPECT_FALSE(rule.matches(piece)) << "a token that is a piece of a character";
}

TEST(KeywordRule, LabelsStories) {
  std::vector<Story> stories = {{"A tree."}, {"A house."}, {"Two trees."}};
  EXPECT_EQ(forest_rule().label(stories), 2);
  EXPECT_TRUE(stories[0].forget && !stories[1].forget && stories[2].forget);
}

TEST(KeywordRule, RefusesToMatchNothingOrEverything) {
  std::vector<Story> houses = {{"A house."}}, trees = {{"A tree."}};
  EXPECT_THROW(forest_rule().label(houses), UserError);
  EXPECT_THROW(forest_rule().label(trees), UserError);
  EXPECT_THROW(KeywordRule({}), UserError);
  EXPECT_THROW(KeywordRule({""}), UserError);
  EXPECT_THROW(KeywordRule({"oak tree"}), UserError);
  EXPECT_THROW(KeywordRule({" tree"}), UserError);
  EXPECT_THROW(KeywordRule({"\xff"}), UserError);
}

}  // namespace
}  // namespace omni
