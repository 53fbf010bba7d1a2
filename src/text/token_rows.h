// Texts as rows of tokens of one length, ready to train a language model on.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/story.h"
#include "text/tokenizer.h"

namespace omni {

// Rows of `length` tokens, row after row. Row i has lengths[i] tokens of text; what follows is
// padding, which is <|endoftext|>.
struct TokenRows {
  int64_t length = 0;
  std::vector<int32_t> tokens;   // [count, length]
  std::vector<int32_t> lengths;  // [count]
  std::vector<int32_t> forget;   // [count]: 1 for rows to be forgotten, else 0

  int64_t count() const { return static_cast<int64_t>(lengths.size()); }
  std::span<const int32_t> row(int64_t i) const {
    return std::span(tokens).subspan(static_cast<size_t>(i * length), static_cast<size_t>(length));
  }
  bool operator==(const TokenRows&) const = default;
};

// Called with the texts done and all there are.
using TextProgress = std::function<void(int64_t done, int64_t total)>;

// One story per row: <|endoftext|>, the story, cut at the end of the row or padded. Nothing marks a
// story's end. UserError for length < 2 or text that is not UTF-8 (naming the story).
TokenRows rows_of_stories(const Tokenizer& tokenizer, std::span<const Story> stories,
                          int64_t length, const TextProgress& progress = {});

// Rows full of texts joined by `separator`, without <|endoftext|>. A row ends inside the text that
// crosses its end; the rest of that text is dropped, and so is a last row that is not full. Every
// row is labelled `forget`. UserError where the texts fill no row.
TokenRows rows_of_joined(const Tokenizer& tokenizer, std::span<const std::string> texts,
                         int64_t length, std::string_view separator = "\n", bool forget = false,
                         const TextProgress& progress = {});

// What a model reads and what it is to say: targets are the inputs one position on. All arrays are
// [count, length - 1]. Weights are 1 where this token and the next are text (or the <|endoftext|>
// before it), else 0: their weighted mean is the loss over what is not padding.
struct NextTokens {
  std::vector<int32_t> inputs, targets;
  std::vector<float> weights;
};
NextTokens next_tokens(const TokenRows& rows);

// As NextTokens::weights for generated stories, but 1 only where the target belongs to the word of
// a planted fact. `rows` are rows_of_stories() of the same stories by the same tokenizer.
std::vector<float> fact_weights(const Tokenizer& tokenizer, std::span<const Story> stories,
                                const TokenRows& rows);

// Names the rows that rows_of_stories() makes of these: for caches. 64 hexadecimal digits.
std::string rows_key(const Tokenizer& tokenizer, std::span<const Story> stories, int64_t length);

}  // namespace omni
