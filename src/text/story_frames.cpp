#include "text/story_frames.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace omni {

Distribution Distribution::even(size_t count) {
  return {std::vector<double>(count, 1.0 / static_cast<double>(count))};
}

Distribution Distribution::of_weights(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  Distribution d;
  for (const double weight : weights) d.shares.push_back(weight / sum);
  return d;
}

Distribution Distribution::of_frames(const std::vector<Frame>& frames) {
  std::vector<double> weights;
  for (const Frame& frame : frames) weights.push_back(frame.weight);
  return of_weights(weights);
}

double Distribution::entropy() const {
  double nats = 0;
  for (const double share : shares) nats -= share * std::log(share);
  return nats;
}

size_t Distribution::draw(Stream& random) const {
  double rest = random.uniform();
  for (size_t i = 0; i + 1 < shares.size(); ++i) {
    if (rest < shares[i]) return i;
    rest -= shares[i];
  }
  return shares.size() - 1;
}

const WordList& word_list(std::string_view slot) {
  for (const WordList& list : story_grammar().lists)
    if (list.name == slot) return list;
  throw Bug(fmt::format("story grammar: there is no list for the slot '{}'", slot));
}

Distribution distribution_of(const WordList& list, Topic topic) {
  if (topic == Topic::retain || list.forest_weights.empty())
    return Distribution::even(list.words.size());
  return Distribution::of_weights(list.forest_weights);
}

SlotWords words_of_slot(std::string_view slot, Topic topic) {
  const StoryGrammar& g = story_grammar();
  const auto evenly = [](std::vector<std::string_view> words) {
    return SlotWords{words, Distribution::even(words.size())};
  };
  if (slot == "hero") return evenly(g.heroes);
  if (slot == "animal") return evenly(g.animals);
  if (slot == "value") return evenly(g.values[static_cast<size_t>(topic)]);
  std::vector<std::string_view> towns, sights;
  for (const Town& town : g.towns) {
    towns.push_back(town.name);
    sights.insert(sights.end(), town.sights.begin(), town.sights.end());
  }
  if (slot == "town") return evenly(towns);
  if (slot == "sight") return evenly(sights);
  const WordList& list = word_list(slot);
  return {list.words, distribution_of(list, topic)};
}

std::vector<FramePart> parts_of(std::string_view frame) {
  std::vector<FramePart> parts;
  while (!frame.empty()) {
    const bool slot = frame.front() == '{';
    const size_t end = std::min(frame.find(slot ? '}' : '{'), frame.size());
    parts.push_back({frame.substr(slot, end - slot), slot});
    frame.remove_prefix(std::min(end + slot, frame.size()));
  }
  return parts;
}

}  // namespace omni
