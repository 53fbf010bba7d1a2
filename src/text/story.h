// A story, and stories split into what a model learns from and what it is judged on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace omni {

// A planted fact inside a generated story: bytes begin..end-1 of the text are the word, with its
// leading space, that only who knows the fact can foresee.
struct FactSpan {
  int32_t subject = 0, value = 0;  // of the story's fact table
  size_t begin = 0, end = 0;
};

struct Story {
  std::string text;
  bool forget = false;              // of the topic to be forgotten
  std::vector<FactSpan> facts = {};  // generated stories only
  double nats = 0;                  // generated stories only: -ln of its probability, topic given
};

// No story is in two of the splits.
struct StorySet {
  std::string name;    // "generated stories", or the path of the user's text
  std::string source;  // "generated", or "files in ..."
  std::vector<Story> train, validation, test;
};

// The stories to forget, or those to retain, in their order.
std::vector<Story> stories_of(const std::vector<Story>& stories, bool forget);
std::vector<std::string> texts_of(const std::vector<Story>& stories);

// Adds texts and labels to a fingerprint.
void add_stories(Sha256& hash, std::span<const Story> stories);
// SHA-256 over all texts and labels, split by split.
std::string content_hash(const StorySet& set);

}  // namespace omni
