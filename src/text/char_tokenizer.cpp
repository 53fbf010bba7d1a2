#include "text/char_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"

namespace omni {
namespace {

Vocabulary characters_of(std::string_view alphabet) {
  require(!alphabet.empty(), "alphabet: expected at least one character");
  std::vector<std::string> texts = {std::string(kEndOfText)};
  for (size_t at = 0; at < alphabet.size();) {
    std::string character = utf8_of(next_character(alphabet, at));
    require(std::find(texts.begin(), texts.end(), character) == texts.end(),
            "alphabet: \"{}\" is there twice", character);
    texts.push_back(std::move(character));
  }
  return {texts, {texts[0]}};
}

}  // namespace

CharTokenizer::CharTokenizer(std::string_view alphabet) : Tokenizer(characters_of(alphabet)) {}

std::vector<int32_t> CharTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    next_character(text, at);
    const std::string_view character = text.substr(start, at - start);
    const std::optional<int32_t> id = find(character);
    require(id.has_value(), "byte {}: \"{}\" is not in the alphabet of {} characters", start,
            character, size() - 1);
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace omni
