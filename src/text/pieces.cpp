#include "text/pieces.h"

#include <array>

#include "base/error.h"
#include "text/unicode.h"

namespace omni {
namespace {

constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t",  "'re", "'ve",
                                                           "'m", "'ll", "'d"};
constexpr std::string_view kLongS = "'\u017f";  // folds to 's

struct Published {
  std::string_view regex;
  Cut cut;
};
constexpr Published kPublished[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Cut::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Cut::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Cut::qwen2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Cut::llama3}};

bool ends_line(char c) { return c == '\r' || c == '\n'; }

// Behind the run of at most `most` characters of `wanted` class that goes on at `at`.
size_t end_of_run(std::string_view text, size_t at, CharacterClass wanted,
                  size_t most = std::string_view::npos) {
  for (size_t count = 0; at < text.size() && count < most; ++count) {
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

size_t gpt2_end(std::string_view text, size_t start) {
  if (text[start] == '\'')
    for (const std::string_view contraction : kContractions)
      if (text.substr(start, contraction.size()) == contraction) return start + contraction.size();

  size_t at = start + (text[start] == ' ');
  if (at == text.size()) return at;
  const CharacterClass first = class_of(next_character(text, at));
  return first == CharacterClass::space ? end_of_space(text, start) : end_of_run(text, at, first);
}

// The length of a contraction in any case, or 0.
size_t contraction_at(std::string_view text) {
  const auto same = [&](std::string_view wanted) {
    if (text.size() < wanted.size()) return false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
      if (c != wanted[i]) return false;
    }
    return true;
  };
  for (const std::string_view contraction : kContractions)
    if (same(contraction)) return contraction.size();
  return text.starts_with(kLongS) ? kLongS.size() : 0;
}

// Numbers come at most `digits` in a piece.
size_t qwen2_end(std::string_view text, size_t start, size_t digits) {
  if (text[start] == '\'')
    if (const size_t length = contraction_at(text.substr(start))) return start + length;

  size_t behind = start;  // the first character
  const CharacterClass first = class_of(next_character(text, behind));
  if (first == CharacterClass::letter) return end_of_run(text, behind, first);
  if (first == CharacterClass::number) return end_of_run(text, start, first, digits);
  if (!ends_line(text[start])) {
    const size_t word = end_of_run(text, behind, CharacterClass::letter);
    if (word > behind) return word;
  }
  const size_t other = end_of_run(text, start + (text[start] == ' '), CharacterClass::other);
  if (other > start + (text[start] == ' ')) {
    size_t end = other;
    while (end < text.size() && ends_line(text[end])) ++end;
    return end;
  }
  const std::string_view space =
      text.substr(start, end_of_run(text, start, CharacterClass::space) - start);
  if (const size_t line_end = space.find_last_of("\r\n"); line_end != std::string_view::npos)
    return start + line_end + 1;
  return end_of_space(text, start);
}

size_t digits_end(std::string_view text, size_t start, size_t digits) {
  size_t at = end_of_run(text, start, CharacterClass::number, digits);
  if (at > start) return at;
  while (at < text.size()) {
    size_t behind = at;
    if (class_of(next_character(text, behind)) == CharacterClass::number) break;
    at = behind;
  }
  return at;
}

size_t end_of_piece(std::string_view text, size_t start, Cut cut) {
  switch (cut) {
    case Cut::gpt2:
      return gpt2_end(text, start);
    case Cut::qwen2:
      return qwen2_end(text, start, 1);
    case Cut::llama3:
      return qwen2_end(text, start, 3);
    case Cut::digits:
      return digits_end(text, start, 1);
    case Cut::runs_of_digits:
      return digits_end(text, start, std::string_view::npos);
  }
  throw Bug("unknown way to cut text");
}

}  // namespace

std::optional<Cut> cut_of_regex(std::string_view regex) {
  for (const Published& p : kPublished)
    if (p.regex == regex) return p.cut;
  return std::nullopt;
}

std::string_view name_of(Cut cut) {
  switch (cut) {
    case Cut::gpt2:
      return "gpt2";
    case Cut::qwen2:
      return "qwen2";
    case Cut::llama3:
      return "llama3";
    case Cut::digits:
      return "digits";
    case Cut::runs_of_digits:
      return "runs of digits";
  }
  throw Bug("unknown way to cut text");
}

bool PieceReader::next(std::string_view& piece) {
  if (at_ == text_.size()) return false;
  const size_t end = end_of_piece(text_, at_, cut_);
  piece = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

std::vector<std::string_view> pieces_of(std::string_view text, Cut cut) {
  std::vector<std::string_view> pieces;
  PieceReader reader(text, cut);
  for (std::string_view piece; reader.next(piece);) pieces.push_back(piece);
  return pieces;
}

std::vector<std::string_view> pieces_of(std::string_view text, std::span<const Cut> cuts) {
  std::vector<std::string_view> pieces = {text};
  for (const Cut cut : cuts) {
    std::vector<std::string_view> smaller;
    for (const std::string_view piece : pieces)
      for (const std::string_view part : pieces_of(piece, cut)) smaller.push_back(part);
    pieces = std::move(smaller);
  }
  return pieces;
}

}  // namespace omni
