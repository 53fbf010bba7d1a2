// The user's own text as stories: files cut at separators, held-out stories chosen by their
// content, topics by a keyword rule.
#pragma once

#include <filesystem>

#include "base/random.h"
#include "text/keyword_rule.h"
#include "text/story.h"

namespace omni {

enum class StorySeparator {
  automatic,    // marker if the file has one, else line
  marker,       // <|endoftext|>
  line,         // a single line break; two or more stand between paragraphs of one story
  blank_lines,  // two or more line breaks
};

struct StoryFileOptions {
  StorySeparator separator = StorySeparator::automatic;
  int64_t characters = 0;  // stories are cut to so many, before anything else; 0: kept whole
  // Of the retain stories and of the forget stories each; the rest is for training. A test share
  // of 0 makes no such split.
  double validation_share = 0.15, test_share = 0.15;
};

// Of a plain_text(). White space around a story is dropped, and so are empty stories.
std::vector<std::string> split_stories(std::string_view text, StorySeparator separator);

// Reads a file, or all files *.txt and *.txt.gz under a folder in the order of their names; plain
// or gzipped, as plain_text() makes them: an editor's line ends and byte-order mark change nothing.
// Stories said twice count once. Which split a story falls into depends on its (cut)
// text and the key alone, whatever else is there.
// UserError: nothing to read, not UTF-8, shares that leave nothing to train on, a rule that matches
// no story or all, a split without stories to forget or to retain.
StorySet read_stories(const std::filesystem::path& path, const KeywordRule& rule, Key key,
                      const StoryFileOptions& options = {});

}  // namespace omni
