#include "text/tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "text/hashing.h"

namespace omni {

Vocabulary::Vocabulary(std::vector<std::string> texts, std::vector<std::string> specials,
                       std::span<const int32_t> added)
    : texts_(std::move(texts)) {
  ids_.reserve(texts_.size());
  std::vector<bool> is_added(texts_.size());
  for (const int32_t id : added) is_added.at(static_cast<size_t>(id)) = true;
  for (size_t id = 0; id < texts_.size(); ++id)
    check(is_added[id] || ids_.emplace(texts_[id], static_cast<int32_t>(id)).second,
          "Vocabulary: the token '{}' is there twice", texts_[id]);
  for (const int32_t id : added) ids_.emplace(texts_[static_cast<size_t>(id)], id);
  for (const std::string& special : specials) {
    const std::optional<int32_t> id = find(special);
    check(id.has_value(), "Vocabulary: the special token {} is not among the tokens", special);
    specials_.push_back(*id);
  }
}

std::optional<int32_t> Vocabulary::find(std::string_view text) const {
  const auto it = ids_.find(text);
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

bool Vocabulary::is_special(int32_t id) const {
  return std::find(specials_.begin(), specials_.end(), id) != specials_.end();
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) text += text_of(id);
  return valid_utf8(text);
}

const std::string& Tokenizer::text_of(int32_t id) const {
  require(id >= 0 && id < size(), "token {}: this {} vocabulary has the ids 0 to {}", id, kind(),
          size() - 1);
  return vocabulary_.texts()[id];
}

int32_t Tokenizer::id_of(std::string_view text) const {
  if (const std::optional<int32_t> id = find(text)) return *id;
  const std::vector<std::string> near = nearest(text, vocabulary_.texts());
  std::string hint;
  for (const std::string& name : near)
    hint += fmt::format("{}\"{}\"", hint.empty() ? "" : ", ", name);
  fail_user(
      "\"{}\" is no token of this {} vocabulary of {} tokens{}{}; words inside a text have "
      "their leading space",
      text, kind(), size(), hint.empty() ? "" : "; near are ", hint);
}

std::string Tokenizer::hash() const {
  Sha256 hash;
  add_text(hash, kind());
  for (const std::string& text : vocabulary_.texts()) add_text(hash, text);
  for (const int32_t id : vocabulary_.specials()) add_text(hash, std::to_string(id));
  add_text(hash, rules());
  return hash.hex();
}

}  // namespace omni
