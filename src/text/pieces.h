// Cuts text into the pieces that tokens never cross: words, numbers, punctuation, runs of white
// space. Published tokenizers write their rules as regular expressions; those of the known families
// are here, by hand. "Tom's tree." gives "Tom", "'s", " tree", ".".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace omni {

enum class Cut : uint8_t {
  // GPT-2's (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"): words,
  // numbers and punctuation each carry the one space before them.
  //     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  gpt2,
  // Qwen2's (Yang et al. 2024, arXiv:2407.10671): contractions in any case, a word carries any one
  // character before it, digits stand alone, punctuation takes the line ends behind it.
  //     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
  //     \s*[\r\n]+|\s+(?!\S)|\s+
  qwen2,
  llama3,          // the same with \p{N}{1,3} for \p{N} (Llama 3; cl100k of tiktoken)
  digits,          // each \p{N} alone, what is between in one piece
  runs_of_digits,  // \p{N}+ alone
};

// The rule of a published regular expression; none if it is not among the known ones.
std::optional<Cut> cut_of_regex(std::string_view regex);
std::string_view name_of(Cut cut);  // "gpt2", ...

// Reads one text piece by piece; the pieces joined are the text.
class PieceReader {
 public:
  explicit PieceReader(std::string_view text, Cut cut = Cut::gpt2) : text_(text), cut_(cut) {}

  // False at the end. UserError that names the byte where the text is not UTF-8.
  bool next(std::string_view& piece);

 private:
  std::string_view text_;
  size_t at_ = 0;
  Cut cut_;
};

// The pieces of the first rule, each cut by the next, and so on.
std::vector<std::string_view> pieces_of(std::string_view text, std::span<const Cut> cuts);
std::vector<std::string_view> pieces_of(std::string_view text, Cut cut = Cut::gpt2);

}  // namespace omni
