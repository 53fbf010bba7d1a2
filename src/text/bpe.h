// Byte-level byte-pair encoding as in GPT-2: pieces of text (text/pieces.h) start as bytes, and
// pairs of neighbours are merged in a learned order. Every text has an encoding that decodes to it,
// or to its composed form where the rules compose it.
// P. Gage, "A New Algorithm for Data Compression", 1994; for words: Sennrich, Haddow & Birch,
// arXiv:1508.07909; on bytes: Radford et al. 2019.
#pragma once

#include <array>

#include "text/added_tokens.h"
#include "text/pieces.h"
#include "text/tokenizer.h"

namespace omni {

// Two tokens that become one, whose text is theirs joined.
struct Merge {
  int32_t left = 0, right = 0;
  bool operator==(const Merge&) const = default;
};

// What stands between a text and its merges. GPT-2's by default.
struct BpeRules {
  std::vector<Cut> cuts = {Cut::gpt2};  // one after another, each within the pieces of the last
  bool composed = false;                // text is brought to Unicode's form NFC first
  bool ignore_merges = false;           // a piece that is a token is that token, merged to or not
  std::vector<AddedToken> added = {};
};

class BpeTokenizer : public Tokenizer {
 public:
  // Token texts are bytes; each of the 256 bytes is a token. Merges come in their order, the first
  // being the strongest. Bug if a byte or the token that a merge makes is missing.
  BpeTokenizer(Vocabulary vocabulary, std::vector<Merge> merges, BpeRules rules = {});

  std::string_view kind() const override { return "byte-pair"; }
  std::vector<int32_t> encode(std::string_view text) const override;
  const std::vector<Merge>& merges() const { return merges_; }
  const BpeRules& bpe_rules() const { return rules_; }

 protected:
  std::string rules() const override;

 private:
  struct Result {
    int32_t rank, token;
  };
  struct Scratch;
  void merge(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const;
  void encode_piece(std::string_view piece, size_t cut, Scratch& scratch,
                    std::vector<int32_t>& ids) const;
  void offer(Scratch& scratch, int32_t position) const;

  std::vector<Merge> merges_;
  std::unordered_map<uint64_t, Result> results_;  // by both halves' ids
  std::array<int32_t, 256> bytes_{};              // token of each byte
  std::vector<bool> reached_;                     // tokens that their own text is encoded as
  BpeRules rules_;
  AddedTokens raw_, normalized_;
};

}  // namespace omni
