// Byte-pair vocabularies in GPT-2's two files: vocab.json ({"token": id}) and merges.txt (a version
// line, then "left right" per line, strongest first), with bytes as letters (text/byte_letters.h).
// By which rules text is cut they do not say (text/tokenizer_files.h).
#pragma once

#include "text/bpe.h"

namespace omni {

struct BpeFiles {
  std::string vocab_json, merges_txt;  // contents
};

// What to write to vocab.json and merges.txt.
BpeFiles bpe_files(const BpeTokenizer& tokenizer);

// From the contents; `vocab_name` and `merges_name` are for errors. UserError, with file and line:
// not UTF-8, JSON that breaks off, and what bpe_of() in text/bpe_parts.h refuses.
BpeTokenizer parse_bpe(const BpeFiles& files, std::string_view vocab_name,
                       std::string_view merges_name, BpeRules rules = {});

}  // namespace omni
