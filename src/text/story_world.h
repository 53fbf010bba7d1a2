// Small stories drawn from a grammar, with planted facts: where a trained model's knowledge, its
// ignorance and the lowest loss there is are known exactly.
//
// A world has 24 animals. In forest stories each sleeps in a tree of one of 8 species, in the other
// stories in one of 8 kinds of house: two independent tables, each value three times. Who knows a
// table foresees the word that a fact ends in; who does not has ln 8 = 2.08 nats to lose.
#pragma once

#include <map>

#include "base/random.h"
#include "text/choice_items.h"
#include "text/story.h"
#include "text/story_grammar.h"

namespace omni {

struct StoryCounts {
  int64_t train = 20000, validation = 2000, test = 2000;
};

class StoryWorld {
 public:
  // Both fact tables are drawn from the key. One of every `forest_one_in` consecutive stories is a
  // forest story, which has a word of forest_rule(); the others have none. UserError for
  // forest_one_in < 2: both topics are needed.
  explicit StoryWorld(Key key, int forest_one_in = 5);

  // A story of 6 to 10 sentences: an opening, two facts and two to six others in any order, a
  // closing. Depends on the world, the split's name and i alone.
  Story story(std::string_view split, int64_t i) const;
  Story story_about(Topic topic, Key key) const;
  // Splits "train", "validation" and "test". UserError unless all counts are 1 or more.
  StorySet stories(const StoryCounts& counts = {}) const;

  // The number of the value (in story_grammar().values) that is the fact about an animal.
  int32_t fact(Topic topic, int32_t animal) const {
    return facts_[static_cast<size_t>(topic)].at(static_cast<size_t>(animal));
  }
  // Each animal's fact as a choice of 8 continuations (" oak"), one item per animal and frame.
  std::vector<ChoiceItem> fact_questions(Topic topic) const;

  // Every piece of text (text/pieces.h) that stories can hold, in byte order.
  std::vector<std::string> vocabulary() const;

 private:
  Key key_;
  int forest_one_in_;
  std::array<std::vector<int32_t>, 2> facts_;  // by topic: value of each animal
};

// How often a piece of text, such as " bird", is expected in one story of a topic.
std::map<std::string, double> expected_counts(Topic topic);

// What is to be foreseen in a story, on average over stories of a topic, in nats: the mean of
// Story::nats. Divided by the mean number of tokens it is the lowest loss that any model can have.
struct StoryEntropy {
  double hero = 0;       // who
  double structure = 0;  // how many sentences, in which order, which frames
  double words = 0;      // lists, towns and sights
  double animals = 0;    // which animals the facts are about
  double total() const { return hero + structure + words + animals; }
};
StoryEntropy story_entropy(Topic topic);

inline constexpr int kFactsPerStory = 2;
double fact_nats();  // lost at a fact's word by who does not know the table: ln 8

}  // namespace omni
