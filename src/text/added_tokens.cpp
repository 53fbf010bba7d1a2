#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace omni {
namespace {

size_t byte_of(std::string_view text) { return static_cast<unsigned char>(text[0]); }

// Where the white space begins that ends at `end`, not before `start`.
size_t space_before(std::string_view text, size_t start, size_t end) {
  while (end > start) {
    size_t at = end - 1;
    while (at > start && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    size_t behind = at;
    if (class_of(next_character(text, behind)) != CharacterClass::space) break;
    end = at;
  }
  return end;
}

size_t space_behind(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t behind = at;
    if (class_of(next_character(text, behind)) != CharacterClass::space) break;
    at = behind;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& t) { return t.text.empty(); });
  std::ranges::stable_sort(tokens_, [](const AddedToken& a, const AddedToken& b) {
    return byte_of(a.text) != byte_of(b.text) ? byte_of(a.text) < byte_of(b.text)
                                              : a.text.size() > b.text.size();
  });
  for (const AddedToken& t : tokens_) ++first_byte_[byte_of(t.text) + 1];
  for (size_t b = 1; b < first_byte_.size(); ++b) first_byte_[b] += first_byte_[b - 1];
}

const AddedToken* AddedTokens::longest_at(std::string_view text) const {
  const size_t byte = byte_of(text);
  for (uint32_t i = first_byte_[byte]; i < first_byte_[byte + 1]; ++i)
    if (text.starts_with(tokens_[i].text)) return &tokens_[i];
  return nullptr;
}

void AddedTokens::split(std::string_view text, const Visit& visit) const {
  size_t done = 0;
  for (size_t at = 0; !empty() && at < text.size();) {
    const AddedToken* token = longest_at(text.substr(at));
    if (!token) {
      ++at;
      continue;
    }
    size_t end = at + token->text.size();
    if (!token->special && at >= done) {
      const size_t start = token->eats_left ? space_before(text, done, at) : at;
      if (token->eats_right) end = space_behind(text, end);
      if (start > done) visit(text.substr(done, start - done), std::nullopt);
      visit(text.substr(start, end - start), token->id);
      done = end;
    }
    at = end;
  }
  if (done < text.size()) visit(text.substr(done), std::nullopt);
}

}  // namespace omni
