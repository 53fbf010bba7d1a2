// Byte-pair vocabularies in the one file of the `tokenizers` library, tokenizer.json: vocabulary,
// merges, added tokens, and the rules by which text is normalised and cut.
#pragma once

#include "text/bpe.h"

namespace omni {

// From the contents; `name` is for errors. UserError that names the member for anything that would
// give other tokens than there: models other than byte-level BPE, normalisers other than NFC,
// pre-tokenisers other than ByteLevel, Digits and Split by a known regular expression
// (text/pieces.h), post-processors that add tokens, dropout, a prefix or suffix of pieces.
BpeTokenizer parse_tokenizer_json(std::string_view text, const std::string& name);

}  // namespace omni
