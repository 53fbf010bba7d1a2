// What a byte-pair vocabulary is made from, whatever files it stood in, checked and put together.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"

namespace omni {

struct BpeParts {
  std::string vocab_name;    // for errors: "vocab.json"
  std::string merges_place;  // "merges.txt:", which the line of the merge follows
  nlohmann::json vocab;      // {"token": id}, bytes as letters (text/byte_letters.h)
  struct Pair {
    std::string left, right;  // letters
    int64_t place = 0;        // line or number, for errors
  };
  std::vector<Pair> merges;
  BpeRules rules;  // `added` may name tokens of `vocab`, and others
};

// <|endoftext|> must be among the tokens, and all 256 bytes. UserError: ids that are not 0..n-1, a
// token that is added with another id than it has, a token with a character that stands for no
// byte, a merge of unknown tokens.
BpeTokenizer bpe_of(BpeParts parts);

// parse_json() of text that must be UTF-8. UserError that names the line if it is no JSON.
nlohmann::json parse_json_lines(std::string_view text, std::string_view name);

// An entry of a list of added tokens; absent flags are as the `tokenizers` library has them.
// UserError for one that is malformed, or that only whole words match and is not special.
AddedToken added_token_of(const nlohmann::json& entry, int64_t id, const std::string& where);

}  // namespace omni
