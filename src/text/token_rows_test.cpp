#include "text/token_rows.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/bpe_train.h"
#include "text/char_tokenizer.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

using Ids = std::vector<int32_t>;

const CharTokenizer& letters() {
  static const CharTokenizer tokenizer("abc\n");
  return tokenizer;
}

TEST(TokenRows, OneStoryPerRowCutOrPadded) {
  const std::vector<Story> stories = {{"ab", true}, {"abcab"}, {""}};
  const TokenRows rows = rows_of_stories(letters(), stories, 4);
  EXPECT_EQ(rows.tokens, (Ids{0, 1, 2, 0, 0, 1, 2, 3, 0, 0, 0, 0}));
  EXPECT_EQ(rows.lengths, (Ids{3, 4, 1}));
  EXPECT_EQ(rows.forget, (Ids{1, 0, 0}));
  const NextTokens next = next_tokens(rows);
  EXPECT_EQ(next.inputs, (Ids{0, 1, 2, 0, 1, 2, 0, 0, 0}));
  EXPECT_EQ(next.targets, (Ids{1, 2, 0, 1, 2, 3, 0, 0, 0}));
  EXPECT_EQ(next.weights, (std::vector<float>{1, 1, 0, 1, 1, 1, 0, 0, 0}));
}

TEST(TokenRows, JoinedRowsAreFullAndDropWhatCrosses) {
  const std::vector<std::string> texts = {"ab", "cc", "a", "b", "abc", "ab"};
  const TokenRows rows = rows_of_joined(letters(), texts, 4, "\n", true);
  // "ab|c" drops "c" of "cc"; "a|b|" the rest of "abc"; "ab" is not full.
  EXPECT_EQ(rows.tokens, (Ids{1, 2, 4, 3, 1, 4, 2, 4}));
  EXPECT_EQ(rows.lengths, (Ids{4, 4}));
  EXPECT_EQ(rows.forget, (Ids{1, 1}));
  for (const float weight : next_tokens(rows).weights) EXPECT_EQ(weight, 1);
  EXPECT_THROW(rows_of_joined(letters(), texts, 100), UserError);
}

TEST(TokenRows, FactWeightsMarkTheFactsWords) {
  const StoryWorld world(Key::of(1));
  std::vector<Story> stories;
  for (int64_t i = 0; i < 60; ++i) stories.push_back(world.story("train", i));
  const WordTokenizer words(world.vocabulary());
  const BpeTokenizer pairs = train_bpe(texts_of(stories), {.size = 400});
  for (const Tokenizer* tokenizer : {static_cast<const Tokenizer*>(&words),
                                     static_cast<const Tokenizer*>(&pairs)}) {
    const TokenRows rows = rows_of_stories(*tokenizer, stories, 400);
    const NextTokens next = next_tokens(rows);
    const std::vector<float> weights = fact_weights(*tokenizer, stories, rows);
    ASSERT_EQ(weights.size(), next.targets.size());
    size_t at = 0;
    for (const Story& story : stories) {
      Ids marked;
      for (const size_t end = at + 399; at < end; ++at)
        if (weights[at] == 1) marked.push_back(next.targets[at]);
      std::string wanted;
      for (const FactSpan& fact : story.facts)
        wanted += story.text.substr(fact.begin, fact.end - fact.begin);
      EXPECT_EQ(tokenizer->decode(marked), wanted);
    }
  }
  EXPECT_NO_THROW(fact_weights(words, stories, rows_of_stories(words, stories, 5))) << "cut off";
}

TEST(TokenRows, ReportsAndNamesTheStory) {
  const std::vector<Story> stories = {{"ab"}, {"abx"}};
  try {
    rows_of_stories(letters(), stories, 4);
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("text 1: byte 2: \"x\""), std::string::npos);
  }
  std::vector<int64_t> seen;
  rows_of_stories(letters(), std::vector<Story>(300), 4,
                  [&](int64_t done, int64_t total) { seen.insert(seen.end(), {done, total}); });
  EXPECT_EQ(seen, (std::vector<int64_t>{256, 300, 300, 300}));
  EXPECT_THROW(rows_of_stories(letters(), stories, 1), UserError);
}

TEST(TokenRows, TheKeySeesTokenizerTextsLabelsAndLength) {
  const std::vector<Story> stories = {{"ab"}, {"c"}};
  const std::string key = rows_key(letters(), stories, 4);
  EXPECT_EQ(key, rows_key(CharTokenizer("abc\n"), stories, 4));
  EXPECT_NE(key, rows_key(CharTokenizer("bac\n"), stories, 4));
  EXPECT_NE(key, rows_key(letters(), stories, 5));
  EXPECT_NE(key, rows_key(letters(), std::vector<Story>{{"a"}, {"bc"}}, 4));
  EXPECT_NE(key, rows_key(letters(), std::vector<Story>{{"ab"}, {"c", true}}, 4));
}

}  // namespace
}  // namespace omni
