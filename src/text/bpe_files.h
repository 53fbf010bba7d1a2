// Byte-pair vocabularies in GPT-2's two files: vocab.json ({"token": id}) and merges.txt (a version
// line, then "left right" per line, strongest first), with bytes as letters (text/byte_letters.h).
#pragma once

#include <filesystem>

#include "text/bpe.h"

namespace omni {

struct BpeFiles {
  std::string vocab_json, merges_txt;  // contents
};

// What to write to vocab.json and merges.txt.
BpeFiles bpe_files(const BpeTokenizer& tokenizer);

// Reads FOLDER/vocab.json and FOLDER/merges.txt. <|endoftext|> must be among the tokens, and all
// 256 bytes. `size`: the number of tokens that a model needs; 0 takes any.
// UserError, with file and line: not UTF-8, JSON that breaks off, ids that are not 0..n-1, another
// size, a token with a character that stands for no byte, a merge of unknown tokens.
BpeTokenizer read_bpe(const std::filesystem::path& folder, int32_t size = 0);

// The same from contents; `vocab_name` and `merges_name` are for errors.
BpeTokenizer parse_bpe(const BpeFiles& files, std::string_view vocab_name,
                       std::string_view merges_name, int32_t size = 0);

}  // namespace omni
