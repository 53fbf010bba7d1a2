// The words and sentences that generated stories are made of; text/story_world.h draws from them.
//
// A frame is a sentence with slots in braces. {hero} is one name for the whole story, {animal} and
// {value} are a planted fact, {town} and {sight} a town and one of its five sights; the others name
// a list of words. All words are single words of letters, so that each is one word-level token.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

enum class Topic { retain, forest };
inline constexpr std::array<Topic, 2> kTopics = {Topic::retain, Topic::forest};

struct WordList {
  std::string_view name;  // as in the slots
  std::vector<std::string_view> words;
  // How often each is drawn in forest stories, relative to the others; empty: equally often, as
  // always in retain stories.
  std::vector<double> forest_weights = {};
};

struct Frame {
  std::string_view text;
  double weight = 1;
};

struct Town {
  std::string_view name;
  std::array<std::string_view, 5> sights;
};

struct StoryGrammar {
  std::vector<std::string_view> heroes, animals;
  std::array<std::vector<std::string_view>, 2> values;  // by topic: houses, species of trees
  std::vector<Town> towns;
  std::vector<WordList> lists;
  // By topic. No two frames of one place can make the same sentence.
  std::array<std::vector<Frame>, 2> openings, facts, fillers, closings;
};

const StoryGrammar& story_grammar();

}  // namespace omni
