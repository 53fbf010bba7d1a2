// Learns a byte-pair vocabulary from texts. The same texts give the same vocabulary, whatever their
// order.
#pragma once

#include "text/bpe.h"

namespace omni {

struct BpeTrainOptions {
  int32_t size = 4096;     // tokens: 256 bytes, the merges, and <|endoftext|>, which is the last
  int64_t least_count = 2;  // a pair that is rarer than this is never merged
  // Called now and then with the merges made and wanted.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

// Merges the commonest pair of neighbours again and again (ties: the pair of smallest ids). The
// result may have fewer tokens than asked for, when no pair is left. UserError for size < 257,
// texts without a word, or text that is not UTF-8.
BpeTokenizer train_bpe(std::span<const std::string> texts, const BpeTrainOptions& options = {});

}  // namespace omni
