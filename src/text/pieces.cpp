#include "text/pieces.h"

#include <array>

#include "text/unicode.h"

namespace omni {
namespace {

constexpr std::array<std::string_view, 7> kContractions = {"'s",  "'t", "'re", "'ve",
                                                           "'m", "'ll", "'d"};

// Behind the run of characters of `wanted` class that goes on at `at`.
size_t end_of_run(std::string_view text, size_t at, CharacterClass wanted) {
  while (at < text.size()) {
    size_t behind = at;
    if (class_of(next_character(text, behind)) != wanted) break;
    at = behind;
  }
  return at;
}

// White space from `start` to the end of the text, or all but its last character, which goes with
// what follows if it is a space and stands alone if it is not.
size_t end_of_space(std::string_view text, size_t start) {
  size_t end = start, last = start;
  while (end < text.size()) {
    size_t behind = end;
    if (class_of(next_character(text, behind)) != CharacterClass::space) break;
    last = end;
    end = behind;
  }
  return end == text.size() || last == start ? end : last;
}

size_t end_of_piece(std::string_view text, size_t start) {
  if (text[start] == '\'')
    for (const std::string_view contraction : kContractions)
      if (text.substr(start, contraction.size()) == contraction)
        return start + contraction.size();

  size_t at = start + (text[start] == ' ');
  if (at == text.size()) return at;
  const CharacterClass first = class_of(next_character(text, at));
  return first == CharacterClass::space ? end_of_space(text, start) : end_of_run(text, at, first);
}

}  // namespace

bool PieceReader::next(std::string_view& piece) {
  if (at_ == text_.size()) return false;
  const size_t end = end_of_piece(text_, at_);
  piece = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  PieceReader reader(text);
  for (std::string_view piece; reader.next(piece);) pieces.push_back(piece);
  return pieces;
}

}  // namespace omni
