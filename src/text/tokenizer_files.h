// A tokenizer on disk, beside the model that it belongs to: byte pairs as GPT-2 writes them
// (text/bpe_files.h), or the words of a word-level vocabulary, one per line.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/word_tokenizer.h"

namespace omni {

// What to write to words.txt: a token per line in order of ids, as JSON strings, since words have
// spaces before them: "<|endoftext|>", "<|unknown|>", " tree".
std::string word_file(const WordTokenizer& tokenizer);

// Reads that back. `size`: the number of tokens that a model needs; 0 takes any. UserError, with
// file and line: not UTF-8, a line that is no JSON string, other tokens in front, another size.
WordTokenizer parse_words(std::string_view text, std::string_view name, int32_t size = 0);

// FOLDER/words.txt if it is there, else FOLDER/vocab.json and FOLDER/merges.txt. UserError.
std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int32_t size = 0);

}  // namespace omni
