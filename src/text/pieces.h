// Cuts text into the pieces that tokens never cross: words, numbers, punctuation, each with the one
// space before it, and runs of white space. The rule is that of GPT-2 (Radford et al. 2019,
// "Language Models are Unsupervised Multitask Learners"), as a regular expression
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// "Tom's tree." gives "Tom", "'s", " tree", ".".
#pragma once

#include <string_view>
#include <vector>

namespace omni {

// Reads one text piece by piece; the pieces joined are the text.
class PieceReader {
 public:
  explicit PieceReader(std::string_view text) : text_(text) {}

  // False at the end. UserError that names the byte where the text is not UTF-8.
  bool next(std::string_view& piece);

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::vector<std::string_view> pieces_of(std::string_view text);

}  // namespace omni
