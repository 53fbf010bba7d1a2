#include "text/token_counts.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "text/char_tokenizer.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

using Counts = std::vector<int64_t>;

TEST(TokenCounts, CountsTargetsOfOneTopic) {
  const CharTokenizer tokenizer("abc");
  const TokenRows rows = rows_of_stories(
      tokenizer, std::vector<Story>{{"aab", true}, {"c"}, {"bbbbbb", true}, {"ac"}}, 5);
  EXPECT_EQ(count_targets(rows, 4, true), (Counts{0, 2, 5, 0})) << "the long story is cut";
  EXPECT_EQ(count_targets(rows, 4, false), (Counts{0, 1, 0, 2}));
  EXPECT_EQ(count_targets(rows, 4, true, 1), (Counts{0, 2, 1, 0}));
  EXPECT_EQ(count_targets(rows, 4, false, 2), (Counts{0, 1, 0, 2}));
}

TEST(TokenCounts, RatiosByHand) {
  // (9 + 1) / (9 + 3) over (1 + 2) / (8 + 6), and so on.
  const std::vector<double> ratios = forget_ratios(Counts{1, 7, 0}, Counts{9, 0, 0}, {2, 1});
  EXPECT_NEAR(ratios[0], 10.0 / 12 / (3.0 / 14), 1e-12);
  EXPECT_NEAR(ratios[1], 1.0 / 12 / (9.0 / 14), 1e-12);
  EXPECT_NEAR(ratios[2], 1.0 / 12 / (2.0 / 14), 1e-12);
  EXPECT_THROW(forget_ratios(Counts{1}, Counts{1}, {0, 1}), UserError);
}

TEST(TokenCounts, WeightsFallWithTheRatio) {
  const std::vector<double> w = retain_weights(std::vector<double>{0.01, 1, 4.5, 1e3});
  EXPECT_NEAR(w[0], 1, 1e-6);
  EXPECT_NEAR(w[1], 0.98201, 1e-5);  // 1 - sigmoid(-4)
  EXPECT_NEAR(w[2], 3.0 / 7, 0.02);  // where a routing rate of -0.75 turns negative
  EXPECT_NEAR(w[3], 0, 1e-6);
}

TEST(TokenCounts, PseudoCountsShrinkWithTheCorpus) {
  EXPECT_DOUBLE_EQ(PseudoCounts::for_retain_tokens(3300000).retain, 20);
  EXPECT_DOUBLE_EQ(PseudoCounts::for_retain_tokens(330000).forget, 0.1);
  EXPECT_DOUBLE_EQ(PseudoCounts::for_retain_tokens(1000).retain, 0.5);
}

TEST(TokenCounts, TheForestsOwnWordsMarkIt) {
  const StoryWorld world(Key::of(1));
  const StorySet set = world.stories({.train = 3000, .validation = 1, .test = 1});
  const WordTokenizer tokenizer(world.vocabulary());
  const TokenRows rows = rows_of_stories(tokenizer, set.train, 128);
  const Counts retain = count_targets(rows, tokenizer.size(), false),
               forget = count_targets(rows, tokenizer.size(), true);
  int64_t tokens = 0;
  for (const int64_t count : retain) tokens += count;
  const std::vector<double> ratios =
      forget_ratios(retain, forget, PseudoCounts::for_retain_tokens(tokens));
  EXPECT_EQ(token_ratios(rows, tokenizer.size()), ratios);
  const std::vector<double> w = retain_weights(ratios);
  for (const char* word : {" tree", " forest", " oak", " cedar"})
    EXPECT_LT(w[tokenizer.id_of(word)], 0.1) << word;
  for (const char* word : {" the", ".", " Tom", " fox"})
    EXPECT_GT(w[tokenizer.id_of(word)], 0.95) << word;
  const double bird = w[tokenizer.id_of(" bird")];
  EXPECT_GT(bird, 0.3);
  EXPECT_LT(bird, 0.95) << "a shared word at a raised rate lies between";

  const std::vector<int32_t> top = topic_tokens(ratios, forget, 16, 5);
  const std::set<int32_t> chosen(top.begin(), top.end());
  EXPECT_TRUE(chosen.contains(tokenizer.id_of(" forest")));
  EXPECT_TRUE(chosen.contains(tokenizer.id_of(" oak")));
  EXPECT_FALSE(chosen.contains(tokenizer.id_of(" the")));
  EXPECT_GE(ratios[top[0]], ratios[top[15]]);
  EXPECT_THROW(topic_tokens(ratios, forget, 0), UserError);
  EXPECT_THROW(topic_tokens(ratios, forget, 1000), UserError);
}

}  // namespace
}  // namespace omni
