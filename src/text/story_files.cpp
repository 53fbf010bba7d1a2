#include "text/story_files.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/inputs.h"
#include "base/missing_file.h"
#include "text/lines.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpace = " \t\r\n\f\v";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Where the next separator is from `at` on, and how long it is.
std::pair<size_t, size_t> next_separator(std::string_view text, size_t at, StorySeparator kind) {
  if (kind == StorySeparator::marker) return {text.find(kEndOfText, at), kEndOfText.size()};
  for (size_t begin; (begin = text.find('\n', at)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_not_of('\n', begin), text.size());
    const size_t breaks = end - begin;
    if ((breaks >= 2) == (kind == StorySeparator::blank_lines)) return {begin, breaks};
    at = end;
  }
  return {std::string_view::npos, 0};
}

std::vector<fs::path> files_of(const fs::path& path) {
  std::vector<fs::path> files;
  try {
    if (!fs::exists(path))
      throw MissingFile(fmt::format("text '{}': there is no such file or folder", path.string()));
    if (!fs::is_directory(path)) return {path};
    for (const char* ending : {".txt", ".txt.gz"}) note_input(path, ending);
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && (name.ends_with(".txt") || name.ends_with(".txt.gz")))
        files.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& error) {
    fail_user("text '{}': cannot be read: {}", error.path1().string(), error.code().message());
  }
  require(!files.empty(), "text '{}': the folder holds no files *.txt or *.txt.gz", path.string());
  std::sort(files.begin(), files.end());
  return files;
}

double place_of(const std::string& text, Key key) {
  return Stream(key.fold("held-out stories").fold(hash_text(text))).uniform();
}

}  // namespace

std::vector<std::string> split_stories(std::string_view text, StorySeparator separator) {
  if (separator == StorySeparator::automatic)
    separator = text.find(kEndOfText) == std::string_view::npos ? StorySeparator::line
                                                                : StorySeparator::marker;
  std::vector<std::string> stories;
  for (size_t at = 0; at <= text.size();) {
    const auto [end, length] = next_separator(text, at, separator);
    const std::string_view story = trimmed(text.substr(at, end == text.npos ? end : end - at));
    if (!story.empty()) stories.emplace_back(story);
    if (end == text.npos) break;
    at = end + length;
  }
  return stories;
}

StorySet read_stories(const fs::path& path, const KeywordRule& rule, Key key,
                      const StoryFileOptions& options) {
  const double held_out = options.validation_share + options.test_share;
  require(options.validation_share > 0 && options.test_share >= 0 && held_out < 1,
          "text '{}': expected a share above 0 for validation and one of 0 or more for test that "
          "sum to less than 1, found {} and {}", path.string(), options.validation_share,
          options.test_share);
  require(options.characters >= 0, "text '{}': expected stories cut to 1 character or more, or 0 "
          "for whole stories, found {}", path.string(), options.characters);
  std::vector<Story> stories;
  std::unordered_set<std::string> seen;
  for (const fs::path& file : files_of(path)) {
    for (std::string& text : split_stories(read_text(file), options.separator)) {
      if (options.characters > 0) text = first_characters(text, options.characters);
      if (seen.insert(text).second) stories.push_back({std::move(text)});
    }
  }
  require(!stories.empty(), "text '{}': found no stories", path.string());
  rule.label(stories);

  StorySet set{path.string(), fmt::format("files in {}", path.string())};
  for (Story& story : stories) {
    const double place = place_of(story.text, key);
    auto& split = place < options.test_share ? set.test
                  : place < held_out         ? set.validation
                                             : set.train;
    split.push_back(std::move(story));
  }
  for (const auto& [name, split] : {std::pair{"training", &set.train},
                                    {"validation", &set.validation}, {"test", &set.test}})
    for (const bool forget : {false, true})
      require((split == &set.test && options.test_share == 0) ||
                  std::any_of(split->begin(), split->end(),
                              [&](const Story& story) { return story.forget == forget; }),
              "text '{}': the {} split has no stories to {}; it holds {} of {} stories. Give more "
              "text or larger shares", path.string(), name, forget ? "forget" : "retain",
              split->size(), stories.size());
  return set;
}

}  // namespace omni
