#include "text/keyword_rule.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode.h"

namespace omni {
namespace {

bool is_word_character(char32_t c) {
  const CharacterClass kind = class_of(c);
  return kind == CharacterClass::letter || kind == CharacterClass::number || c == U'_';
}

// Calls f with each word of the text until it returns true; whether it did.
template <class F>
bool any_word(std::string_view text, F f) {
  size_t begin = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const bool word = is_word_character(next_character(text, at));
    if (word && !inside) begin = start;
    if (!word && inside && f(text.substr(begin, start - begin))) return true;
    inside = word;
  }
  return inside && f(text.substr(begin));
}

}  // namespace

KeywordRule::KeywordRule(const std::vector<std::string>& words) {
  require(!words.empty(), "forget rule: expected at least one word");
  for (const std::string& word : words) {
    const bool whole = any_word(word, [&](std::string_view w) { return w == word; });
    require(whole, "forget rule: expected single words of letters and numbers, found \"{}\"", word);
    words_.insert(lower_case(word));
  }
}

bool KeywordRule::matches(std::string_view text) const {
  return is_utf8(text) &&
         any_word(text, [&](std::string_view word) { return words_.contains(lower_case(word)); });
}

int64_t KeywordRule::label(std::vector<Story>& stories) const {
  int64_t count = 0;
  for (Story& story : stories) count += story.forget = matches(story.text);
  require(count > 0,
          "forget rule: none of {} stories holds one of the words {}; there is nothing to forget. "
          "Choose other words or another text", stories.size(), fmt::join(words_, ", "));
  require(count < static_cast<int64_t>(stories.size()),
          "forget rule: all {} stories hold one of the words {}; nothing is left to retain. Choose "
          "rarer words", stories.size(), fmt::join(words_, ", "));
  return count;
}

KeywordRule forest_rule() {
  return KeywordRule({"tree", "trees", "forest", "forests", "woodland", "woodlands"});
}

}  // namespace omni
