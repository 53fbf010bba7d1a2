// A tokenizer on disk, beside the model that it belongs to: as on the Hugging Face hub, or the
// words of a word-level vocabulary, one per line.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/word_tokenizer.h"

namespace omni {

inline constexpr const char* kWords = "words.txt";
inline constexpr const char* kTokenizerJson = "tokenizer.json";
inline constexpr const char* kTokenizerConfig = "tokenizer_config.json";
inline constexpr const char* kModelConfig = "config.json";
inline constexpr const char* kAddedTokens = "added_tokens.json";
inline constexpr const char* kVocabulary = "vocab.json";
inline constexpr const char* kMerges = "merges.txt";

// What to write to words.txt: a token per line in order of ids, as JSON strings, since words have
// spaces before them: "<|endoftext|>", "<|unknown|>", " tree".
std::string word_file(const WordTokenizer& tokenizer);

// Reads that back. `size`: the number of tokens that a model needs; 0 takes any. UserError, with
// file and line: not UTF-8, a line that is no JSON string, other tokens in front, another size.
WordTokenizer parse_words(std::string_view text, std::string_view name, int32_t size = 0);

// The names of all files of the folder that its tokenizer is made from: words.txt alone; else
// tokenizer.json with tokenizer_config.json, where there is one; else vocab.json and merges.txt
// with what says by which rules text is cut. UserError if there is none of these.
std::vector<std::string> tokenizer_files(const std::filesystem::path& folder);

using TokenizerTexts = std::map<std::string, std::string>;  // contents by name

// The tokenizer of such files. `size`: rows of the model's embedding, 0 for any; there may be fewer
// tokens than rows, but for words. UserError.
std::unique_ptr<Tokenizer> parse_tokenizer(const TokenizerTexts& texts, const std::string& folder,
                                           int32_t size = 0);
std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int32_t size = 0);

}  // namespace omni
