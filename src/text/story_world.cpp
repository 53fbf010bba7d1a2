#include "text/story_world.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "text/story_frames.h"

namespace omni {
namespace {

double log_choices(int64_t sentences) {  // places of two facts among so many sentences
  const auto n = static_cast<double>(sentences);
  return std::log(n * (n - 1) / 2);
}

// One story being written.
class Writer {
 public:
  Writer(Topic topic, const std::vector<int32_t>& facts, Stream random)
      : topic_(topic), facts_(facts), random_(random) {
    hero_ = story_grammar().heroes[even(story_grammar().heroes.size())];
  }

  Story write() {
    const StoryGrammar& g = story_grammar();
    const auto topic = static_cast<size_t>(topic_);
    sentence(g.openings[topic]);
    const auto fillers =
        kLeastFillers + static_cast<int64_t>(even(kMostFillers - kLeastFillers + 1));
    const int64_t middle = fillers + kFactsPerStory;
    const std::vector<int32_t> order =
        permutation({static_cast<uint64_t>(random_.bits()) << 32 | random_.bits()}, middle);
    story_.nats += log_choices(middle);
    for (const int32_t place : order)
      sentence(place < kFactsPerStory ? g.facts[topic] : g.fillers[topic]);
    sentence(g.closings[topic]);
    story_.forget = topic_ == Topic::forest;
    return std::move(story_);
  }

 private:
  size_t even(size_t count) {
    story_.nats += std::log(static_cast<double>(count));
    return random_.below(count);
  }

  size_t draw(const Distribution& distribution) {
    const size_t i = distribution.draw(random_);
    story_.nats -= std::log(distribution.shares[i]);
    return i;
  }

  void sentence(const std::vector<Frame>& frames) {
    if (!story_.text.empty()) story_.text += ' ';
    const Frame& frame = frames[draw(Distribution::of_frames(frames))];
    const Town* town = nullptr;
    const auto the_town = [&]() -> const Town& {
      if (!town) town = &story_grammar().towns[even(story_grammar().towns.size())];
      return *town;
    };
    size_t animal = 0;
    for (const FramePart& part : parts_of(frame.text)) {
      if (!part.slot) {
        story_.text += part.text;
      } else if (part.text == "hero") {
        story_.text += hero_;
      } else if (part.text == "town") {
        story_.text += the_town().name;
      } else if (part.text == "sight") {
        const Town& of = the_town();
        story_.text += of.sights[even(of.sights.size())];
      } else if (part.text == "animal") {
        animal = even(story_grammar().animals.size());
        story_.text += story_grammar().animals[animal];
      } else if (part.text == "value") {
        add_fact(animal);
      } else {
        const WordList& list = word_list(part.text);
        story_.text += list.words[draw(distribution_of(list, topic_))];
      }
    }
  }

  void add_fact(size_t animal) {
    const int32_t value = facts_[animal];
    const size_t begin = story_.text.size() - 1;  // the space before belongs to the word
    story_.text += story_grammar().values[static_cast<size_t>(topic_)][value];
    story_.facts.push_back({static_cast<int32_t>(animal), value, begin, story_.text.size()});
  }

  Topic topic_;
  const std::vector<int32_t>& facts_;
  Stream random_;
  std::string_view hero_;
  Story story_;
};

}  // namespace

StoryWorld::StoryWorld(Key key, int forest_one_in) : key_(key), forest_one_in_(forest_one_in) {
  require(forest_one_in >= 2, "stories: expected one forest story in 2 or more, found one in {}",
          forest_one_in);
  const StoryGrammar& g = story_grammar();
  for (const Topic topic : kTopics) {
    const auto t = static_cast<size_t>(topic);
    const std::vector<int32_t> order =
        permutation(key.fold("facts").fold(t), static_cast<int64_t>(g.animals.size()));
    for (const int32_t place : order)
      facts_[t].push_back(place % static_cast<int32_t>(g.values[t].size()));
  }
}

Story StoryWorld::story_about(Topic topic, Key key) const {
  return Writer(topic, facts_[static_cast<size_t>(topic)], Stream(key)).write();
}

Story StoryWorld::story(std::string_view split, int64_t i) const {
  const Key key = key_.fold("stories").fold(split);
  // One forest story at a random place of every block of forest_one_in_.
  const auto one_in = static_cast<uint64_t>(forest_one_in_), number = static_cast<uint64_t>(i);
  Stream block(key.fold("topic").fold(number / one_in));
  const bool forest = block.below(one_in) == number % one_in;
  return story_about(forest ? Topic::forest : Topic::retain,
                     key.fold("story").fold(number));
}

StorySet StoryWorld::stories(const StoryCounts& counts) const {
  require(counts.train >= 1 && counts.validation >= 1 && counts.test >= 1,
          "stories: expected at least one story in each split, found {}, {} and {}", counts.train,
          counts.validation, counts.test);
  StorySet set{"generated stories", "generated"};
  // Two equal stories are next to impossible; still, none of a later split was learned from.
  std::set<std::string> seen;
  const auto fill = [&](std::vector<Story>& split, std::string_view name, int64_t count) {
    std::vector<std::string> texts;
    for (int64_t i = 0; i < count; ++i) {
      Story next = story(name, i);
      if (seen.contains(next.text)) continue;
      texts.push_back(next.text);
      split.push_back(std::move(next));
    }
    seen.insert(texts.begin(), texts.end());
  };
  fill(set.train, "train", counts.train);
  fill(set.validation, "validation", counts.validation);
  fill(set.test, "test", counts.test);
  return set;
}

std::vector<ChoiceItem> StoryWorld::fact_questions(Topic topic) const {
  const StoryGrammar& g = story_grammar();
  const auto t = static_cast<size_t>(topic);
  ChoiceItem item;
  for (const std::string_view value : g.values[t])
    item.choices.push_back(fmt::format(" {}", value));
  std::vector<ChoiceItem> items;
  for (size_t animal = 0; animal < g.animals.size(); ++animal) {
    for (const Frame& frame : g.facts[t]) {
      item.question.clear();
      for (const FramePart& part : parts_of(frame.text)) {
        if (part.slot && part.text == "value") break;
        item.question += part.slot ? g.animals[animal] : part.text;
      }
      item.question.pop_back();  // the choices bring their space
      item.answer = facts_[t][animal];
      items.push_back(item);
    }
  }
  return items;
}

std::vector<std::string> StoryWorld::vocabulary() const {
  std::set<std::string> pieces;
  for (const Topic topic : kTopics)
    for (const auto& [piece, count] : expected_counts(topic)) pieces.insert(piece);
  return {pieces.begin(), pieces.end()};
}

double fact_nats() { return std::log(static_cast<double>(story_grammar().values[0].size())); }

}  // namespace omni
