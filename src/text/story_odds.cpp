// What generated stories hold on average, computed from the grammar instead of counted.
#include <cmath>
#include <map>

#include "text/pieces.h"
#include "text/story_frames.h"
#include "text/story_world.h"

namespace omni {
namespace {

constexpr double kMeanFillers = (kLeastFillers + kMostFillers) / 2.0;

// One place of a story and how often it comes.
struct Place {
  const std::vector<Frame>& frames;
  double times;
  bool first;  // its first word has no space before it
};

std::vector<Place> places_of(Topic topic) {
  const StoryGrammar& g = story_grammar();
  const auto t = static_cast<size_t>(topic);
  return {{g.openings[t], 1, true},
          {g.facts[t], kFactsPerStory, false},
          {g.fillers[t], kMeanFillers, false},
          {g.closings[t], 1, false}};
}

// Stands for a slot's word while a frame is cut into pieces: letters alone, as all words are.
std::string stand_in(size_t number) { return "slot" + std::string(number + 1, 'Z'); }

void count_frame(std::string_view frame, double times, bool first, Topic topic,
                 std::map<std::string, double>& counts) {
  std::string text = first ? "" : " ";
  std::map<std::string, std::string_view> slots;  // by their stand-ins
  for (const FramePart& part : parts_of(frame)) {
    if (part.slot) slots[stand_in(slots.size())] = part.text;
    text += part.slot ? stand_in(slots.size() - 1) : std::string(part.text);
  }
  for (const std::string_view piece : pieces_of(text)) {
    const std::string space = piece.starts_with(' ') ? " " : "";
    const auto slot = slots.find(std::string(piece.substr(space.size())));
    if (slot == slots.end()) {
      counts[std::string(piece)] += times;
      continue;
    }
    const SlotWords words = words_of_slot(slot->second, topic);
    for (size_t i = 0; i < words.words.size(); ++i)
      counts[space + std::string(words.words[i])] += times * words.distribution.shares[i];
  }
}

}  // namespace

std::map<std::string, double> expected_counts(Topic topic) {
  std::map<std::string, double> counts;
  for (const Place& place : places_of(topic)) {
    const Distribution frames = Distribution::of_frames(place.frames);
    for (size_t f = 0; f < place.frames.size(); ++f)
      count_frame(place.frames[f].text, place.times * frames.shares[f], place.first, topic, counts);
  }
  return counts;
}

StoryEntropy story_entropy(Topic topic) {
  const StoryGrammar& g = story_grammar();
  StoryEntropy e;
  e.hero = std::log(static_cast<double>(g.heroes.size()));
  constexpr int kLengths = kMostFillers - kLeastFillers + 1;
  e.structure = std::log(static_cast<double>(kLengths));
  for (int fillers = kLeastFillers; fillers <= kMostFillers; ++fillers) {
    const double sentences = fillers + kFactsPerStory;
    e.structure += std::log(sentences * (sentences - 1) / 2) / kLengths;
  }
  for (const Place& place : places_of(topic)) {
    const Distribution frames = Distribution::of_frames(place.frames);
    e.structure += place.times * frames.entropy();
    for (size_t f = 0; f < place.frames.size(); ++f) {
      const double times = place.times * frames.shares[f];
      for (const FramePart& part : parts_of(place.frames[f].text)) {
        // A fact follows from its animal. Every sight comes with its town, so that the sight's
        // share among all sights is the surprise of both.
        if (!part.slot || part.text == "hero" || part.text == "value" || part.text == "town")
          continue;
        const double nats = times * words_of_slot(part.text, topic).distribution.entropy();
        (part.text == "animal" ? e.animals : e.words) += nats;
      }
    }
  }
  return e;
}

}  // namespace omni
