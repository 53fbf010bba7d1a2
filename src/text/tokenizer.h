// Text as numbers: what word-level, byte-pair and character tokenizers have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace omni {

// The special tokens. Text never gives them: a text that spells one is encoded as the text it is.
inline constexpr std::string_view kEndOfText = "<|endoftext|>";  // between stories, and padding
inline constexpr std::string_view kUnknown = "<|unknown|>";      // word-level: all other words

// For maps from texts that are asked with views.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// The tokens by id. Ids are 0..size-1; no two tokens have the same text, but for those that were
// added to a finished vocabulary (text/added_tokens.h).
class Vocabulary {
 public:
  Vocabulary() = default;
  // `added`: ids of tokens whose texts others may have, too, which are then what find() gives. Bug
  // if another text is given twice or a special token is not among the texts.
  Vocabulary(std::vector<std::string> texts, std::vector<std::string> specials,
             std::span<const int32_t> added = {});

  int32_t size() const { return static_cast<int32_t>(texts_.size()); }
  const std::vector<std::string>& texts() const { return texts_; }
  const std::vector<int32_t>& specials() const { return specials_; }
  std::optional<int32_t> find(std::string_view text) const;
  bool is_special(int32_t id) const;

 private:
  std::vector<std::string> texts_;
  std::vector<int32_t> specials_;
  TextMap<int32_t> ids_;
};

// Immutable once made, so threads may share one.
class Tokenizer {
 public:
  explicit Tokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~Tokenizer() = default;

  virtual std::string_view kind() const = 0;  // "word", "byte-pair", "character"

  // UserError for text that is not UTF-8, naming the byte.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  // The tokens' texts joined. Special tokens give their names; where byte-pair tokens cut
  // characters and their other parts do not follow stands U+FFFD. UserError for an id that is none
  // of size().
  std::string decode(std::span<const int32_t> ids) const;

  int32_t size() const { return vocabulary_.size(); }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  // The bytes that the token stands for, with a leading space where it has one: " tree".
  const std::string& text_of(int32_t id) const;
  // The token of just this text, specials included: find(" tree"). None if there is none.
  std::optional<int32_t> find(std::string_view text) const { return vocabulary_.find(text); }
  // The same; UserError with the nearest tokens if there is none.
  int32_t id_of(std::string_view text) const;
  int32_t end_of_text() const { return id_of(kEndOfText); }

  // 64 hexadecimal digits: equal if and only if kind, tokens and rules are.
  std::string hash() const;

 protected:
  // What else decides the encoding, for the hash.
  virtual std::string rules() const { return {}; }

 private:
  Vocabulary vocabulary_;
};

}  // namespace omni
