#include "text/story.h"

#include <algorithm>
#include <iterator>

#include "text/hashing.h"

namespace omni {

std::vector<Story> stories_of(const std::vector<Story>& stories, bool forget) {
  std::vector<Story> chosen;
  std::copy_if(stories.begin(), stories.end(), std::back_inserter(chosen),
               [&](const Story& story) { return story.forget == forget; });
  return chosen;
}

std::vector<std::string> texts_of(const std::vector<Story>& stories) {
  std::vector<std::string> texts;
  texts.reserve(stories.size());
  for (const Story& story : stories) texts.push_back(story.text);
  return texts;
}

void add_stories(Sha256& hash, std::span<const Story> stories) {
  add_text(hash, std::to_string(stories.size()));
  for (const Story& story : stories) {
    add_text(hash, story.forget ? "forget" : "retain");
    add_text(hash, story.text);
  }
}

std::string content_hash(const StorySet& set) {
  Sha256 hash;
  for (const auto* split : {&set.train, &set.validation, &set.test}) add_stories(hash, *split);
  return hash.hex();
}

}  // namespace omni
