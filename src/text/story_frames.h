// Frames of the story grammar, taken apart and filled in; with the probability of every word.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "text/story_grammar.h"

namespace omni {

inline constexpr int kLeastFillers = 2, kMostFillers = 6;

// A distribution over words, or over frames.
struct Distribution {
  std::vector<double> shares;  // sum to 1

  static Distribution even(size_t count);
  static Distribution of_weights(std::span<const double> weights);
  static Distribution of_frames(const std::vector<Frame>& frames);
  double entropy() const;             // nats
  size_t draw(Stream& random) const;  // a number of `shares`
};

// A list of the grammar by its slot's name; Bug for an unknown one.
const WordList& word_list(std::string_view slot);
Distribution distribution_of(const WordList& list, Topic topic);

// The words that a slot can hold, each with its share when nothing else is known.
struct SlotWords {
  std::vector<std::string_view> words;
  Distribution distribution;
};
SlotWords words_of_slot(std::string_view slot, Topic topic);

// Literal text and slots in turn: "The {animal} sleeps." gives "The ", slot animal, " sleeps.".
struct FramePart {
  std::string_view text;
  bool slot = false;
};
std::vector<FramePart> parts_of(std::string_view frame);

}  // namespace omni
