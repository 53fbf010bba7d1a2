// By which rules text is cut for a vocab.json and a merges.txt, which do not say: the class that
// tokenizer_config.json names, or the family of the model in config.json.
#pragma once

#include "text/bpe.h"
#include "text/tokenizer_files.h"

namespace omni {

// With the tokens that tokenizer_config.json adds. `folder` is for errors. UserError that names
// file, member and the known choices where the files do not say or say something unknown: rules are
// never guessed.
BpeRules rules_of_folder(const TokenizerTexts& texts, const std::string& folder);

// What tokenizer_config.json says beside a tokenizer.json must be what that one says. UserError for
// a space or a token before every text, and for another token of some id.
void check_tokenizer_config(const TokenizerTexts& texts, const std::string& folder,
                            const Tokenizer& tokenizer);

}  // namespace omni
