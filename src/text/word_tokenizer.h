// A token per word: the commonest pieces of a corpus (text/pieces.h), each with its leading space,
// capitals kept, so that what is known decodes to just the text it was. Everything else is
// <|unknown|>.
#pragma once

#include <span>

#include "text/tokenizer.h"

namespace omni {

class WordTokenizer : public Tokenizer {
 public:
  // Tokens 0 and 1 are <|endoftext|> and <|unknown|>. UserError if a word is given twice.
  explicit WordTokenizer(const std::vector<std::string>& words);

  // The commonest words of the texts, most frequent first (ties in byte order), at most `size`
  // tokens with the two special ones. UserError for size < 3 or texts without a word.
  static WordTokenizer train(std::span<const std::string> texts, int32_t size);

  std::string_view kind() const override { return "word"; }
  std::vector<int32_t> encode(std::string_view text) const override;
  int32_t unknown() const { return 1; }
};

}  // namespace omni
