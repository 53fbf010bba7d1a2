#include "text/story_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "text/keyword_rule.h"
#include "text/pieces.h"
#include "text/story_frames.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

const StoryWorld& world() {
  static const StoryWorld world(Key::of(1));
  return world;
}

const StorySet& some() {
  static const StorySet set = world().stories({.train = 12000, .validation = 500, .test = 500});
  return set;
}

TEST(StoryWorld, AStoryDependsOnKeySplitAndNumberAlone) {
  const StorySet fewer = world().stories({.train = 40, .validation = 10, .test = 10});
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(fewer.train[i].text, some().train[i].text);
  EXPECT_EQ(StoryWorld(Key::of(1)).story("test", 7).text, some().test[7].text);
  EXPECT_NE(StoryWorld(Key::of(2)).story("test", 7).text, some().test[7].text);
  EXPECT_NE(some().train[7].text, some().test[7].text);
  EXPECT_EQ(content_hash(fewer), content_hash(world().stories({40, 10, 10})));
  EXPECT_NE(content_hash(fewer), content_hash(world().stories({41, 10, 10})));
}

TEST(StoryWorld, SplitsAreDisjointAndFull) {
  std::set<std::string> texts;
  for (const auto* split : {&some().train, &some().validation, &some().test})
    for (const Story& story : *split) texts.insert(story.text);
  EXPECT_EQ(texts.size(), 13000U);
}

TEST(StoryWorld, OneInFiveIsAForestStoryAndTheRuleFindsJustThose) {
  int64_t forest = 0;
  for (const Story& story : some().train) {
    forest += story.forget;
    ASSERT_EQ(forest_rule().matches(story.text), story.forget) << story.text;
  }
  EXPECT_EQ(forest, 2400);
  EXPECT_EQ(stories_of(some().train, true).size(), 2400U);
  EXPECT_EQ(stories_of(some().train, false).size(), 9600U);
}

TEST(StoryWorld, FactsAreThoseOfTheTablesAndStandWhereTheySay) {
  const StoryGrammar& g = story_grammar();
  for (const Topic topic : kTopics) {
    std::vector<int> uses(8);
    for (int32_t animal = 0; animal < 24; ++animal) ++uses[world().fact(topic, animal)];
    EXPECT_EQ(uses, std::vector<int>(8, 3)) << "ignorance is ln 8 only if all are equally common";
  }
  for (const Story& story : some().train) {
    const auto topic = static_cast<size_t>(story.forget);
    ASSERT_EQ(story.facts.size(), 2U);
    for (const FactSpan& fact : story.facts) {
      ASSERT_EQ(story.text.substr(fact.begin, fact.end - fact.begin),
                " " + std::string(g.values[topic][fact.value]));
      ASSERT_EQ(fact.value, world().fact(static_cast<Topic>(topic), fact.subject));
    }
  }
  EXPECT_NEAR(fact_nats(), 2.0794, 1e-4);
}

TEST(StoryWorld, TablesOfTheTopicsAreIndependent) {
  int equal = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const StoryWorld other(Key::of(seed));
    for (int32_t animal = 0; animal < 24; ++animal)
      equal += other.fact(Topic::forest, animal) == other.fact(Topic::retain, animal);
  }
  EXPECT_NEAR(equal / 4800.0, 1.0 / 8, 0.02);
}

TEST(StoryWorld, WordsAreAsCommonAsComputed) {
  for (const Topic topic : kTopics) {
    const std::vector<Story> stories = stories_of(some().train, topic == Topic::forest);
    const auto n = static_cast<double>(stories.size());
    std::map<std::string, double> sums, squares;
    for (const Story& story : stories) {
      std::map<std::string, int> counts;
      for (const std::string_view piece : pieces_of(story.text)) ++counts[std::string(piece)];
      for (const auto& [piece, count] : counts) {
        sums[piece] += count;
        squares[piece] += count * count;
      }
    }
    const std::map<std::string, double> expected = expected_counts(topic);
    for (const auto& [piece, sum] : sums) EXPECT_TRUE(expected.contains(piece)) << piece;
    double worst = 0;
    for (const auto& [piece, wanted] : expected) {
      // At most ten of a word in a story bounds the deviation where few were seen.
      const double variance = std::max(squares[piece] / n - std::pow(sums[piece] / n, 2), wanted);
      worst = std::max(worst, std::abs(sums[piece] / n - wanted) / std::sqrt(variance / n));
    }
    EXPECT_LT(worst, 4.5) << "standard errors, of " << expected.size() << " words";
    EXPECT_GT(worst, 1) << "too good to be counted";
  }
}

TEST(StoryWorld, SharedForestWordsAreRaised) {
  const auto forest = expected_counts(Topic::forest), retain = expected_counts(Topic::retain);
  for (const char* word : {" bird", " squirrel", " leaf"}) {
    EXPECT_GT(retain.at(word), 0.05);
    EXPECT_GT(forest.at(word), 2 * retain.at(word)) << word;
  }
  EXPECT_FALSE(retain.contains(" oak"));
  EXPECT_FALSE(forest.contains(" cottage"));
}

TEST(StoryWorld, TheEntropyIsTheMeanSurpriseOfStories) {
  for (const Topic topic : kTopics) {
    const std::vector<Story> stories = stories_of(some().train, topic == Topic::forest);
    double sum = 0, squares = 0;
    for (const Story& story : stories) {
      sum += story.nats;
      squares += story.nats * story.nats;
    }
    const auto n = static_cast<double>(stories.size());
    const double deviation = std::sqrt(squares / n - sum / n * (sum / n));
    EXPECT_NEAR(sum / n, story_entropy(topic).total(), 4 * deviation / std::sqrt(n));
    EXPECT_GT(deviation, 1);
  }
  EXPECT_NEAR(story_entropy(Topic::forest).animals, 2 * std::log(24), 1e-12);
}

// Where two ways led to one sentence, a story's probability would be larger than its choices say.
TEST(StoryWorld, NoSentenceCanBeMadeInTwoWays) {
  const StoryGrammar& g = story_grammar();
  for (const Topic topic : kTopics) {
    const auto t = static_cast<size_t>(topic);
    std::set<std::string> sentences;
    size_t made = 0;
    std::vector<Frame> frames = g.closings[t];
    for (const auto* more : {&g.fillers[t], &g.facts[t]})
      frames.insert(frames.end(), more->begin(), more->end());
    for (const Frame& frame : frames) {
      std::vector<std::string> texts = {""};
      for (const FramePart& part : parts_of(frame.text)) {
        std::vector<std::string> longer;
        const std::vector<std::string_view> words =
            !part.slot             ? std::vector{part.text}
            : part.text == "hero" ? std::vector<std::string_view>{"Tom"}
                                   : words_of_slot(part.text, topic).words;
        for (const std::string& text : texts)
          for (const std::string_view word : words) longer.push_back(text + std::string(word));
        texts = longer;
      }
      made += texts.size();
      sentences.insert(texts.begin(), texts.end());
    }
    EXPECT_EQ(sentences.size(), made);
    EXPECT_GT(made, 1000U);
  }
}

TEST(StoryWorld, FitsAVocabularyOf512AndAContextOf128) {
  const WordTokenizer tokenizer(world().vocabulary());
  EXPECT_GT(tokenizer.size(), 300);
  EXPECT_LE(tokenizer.size(), 512);
  size_t longest = 0;
  for (const Story& story : some().train) {
    const std::vector<int32_t> ids = tokenizer.encode(story.text);
    longest = std::max(longest, ids.size());
    ASSERT_EQ(std::count(ids.begin(), ids.end(), tokenizer.unknown()), 0) << story.text;
    ASSERT_EQ(tokenizer.decode(ids), story.text);
  }
  EXPECT_LE(longest + 1, 128U);
  EXPECT_GT(longest, 90U);
}

TEST(StoryWorld, AsksForEveryFact) {
  const std::vector<ChoiceItem> items = world().fact_questions(Topic::forest);
  ASSERT_EQ(items.size(), 24U * 3);
  EXPECT_EQ(items[0].question, "The fox sleeps in the tall");
  EXPECT_EQ(items[0].choices[0], " oak");
  for (size_t i = 0; i < items.size(); ++i)
    EXPECT_EQ(items[i].answer, world().fact(Topic::forest, static_cast<int32_t>(i / 3)));
}

TEST(StoryWorld, RefusesImpossibleSettings) {
  EXPECT_THROW(StoryWorld(Key::of(1), 1), UserError);
  EXPECT_THROW(world().stories({.train = 0}), UserError);
}

}  // namespace
}  // namespace omni
