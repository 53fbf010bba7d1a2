#include "text/word_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/piece_counts.h"
#include "text/pieces.h"

namespace omni {
namespace {

Vocabulary with_specials(const std::vector<std::string>& words) {
  std::vector<std::string> texts = {std::string(kEndOfText), std::string(kUnknown)};
  texts.insert(texts.end(), words.begin(), words.end());
  std::vector<std::string> sorted = texts;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  require(twice == sorted.end(), "word vocabulary: \"{}\" is there twice", *twice);
  return {texts, {texts[0], texts[1]}};
}

}  // namespace

WordTokenizer::WordTokenizer(const std::vector<std::string>& words)
    : Tokenizer(with_specials(words)) {}

WordTokenizer WordTokenizer::train(std::span<const std::string> texts, int32_t size) {
  require(size >= 3, "word vocabulary: expected a size of 3 or more, found {}", size);
  std::vector<PieceCount> counts = count_pieces(texts);
  require(!counts.empty(), "word vocabulary: the texts hold no words");
  std::vector<std::string> words;
  for (PieceCount& count : counts) {
    if (words.size() + 2 == static_cast<size_t>(size)) break;
    words.push_back(std::move(count.piece));
  }
  return WordTokenizer(words);
}

std::vector<int32_t> WordTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  PieceReader reader(text);
  for (std::string_view piece; reader.next(piece);) ids.push_back(find(piece).value_or(unknown()));
  return ids;
}

}  // namespace omni
