// A token per character of a fixed alphabet, for arithmetic and other small languages.
#pragma once

#include "text/tokenizer.h"

namespace omni {

class CharTokenizer : public Tokenizer {
 public:
  // Token 0 is <|endoftext|>, then the alphabet's characters in order. UserError if the alphabet is
  // empty, not UTF-8, or has a character twice.
  explicit CharTokenizer(std::string_view alphabet);

  std::string_view kind() const override { return "character"; }
  // UserError for a character outside the alphabet, naming it and its byte.
  std::vector<int32_t> encode(std::string_view text) const override;
};

}  // namespace omni
