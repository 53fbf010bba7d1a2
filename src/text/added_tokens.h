// Tokens that were added to a finished vocabulary: found in text before it is cut, the leftmost
// first and of those the longest (as the `tokenizers` library does).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

struct AddedToken {
  std::string text;
  int32_t id = 0;
  bool special = false;    // never found: a text that spells it is the text it is
  bool normalized = true;  // looked for behind the normaliser, in what the others have left
  bool eats_left = false, eats_right = false;  // takes the white space beside it along
};

// Finds tokens of one kind, normalized or not.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  // Calls visit(part, id) for the parts of the text in order; parts without id are text between.
  using Visit = std::function<void(std::string_view part, std::optional<int32_t> id)>;
  void split(std::string_view text, const Visit& visit) const;

 private:
  const AddedToken* longest_at(std::string_view text) const;

  std::vector<AddedToken> tokens_;             // by first byte, the longest first
  std::array<uint32_t, 257> first_byte_ = {};  // tokens of byte b: first_byte_[b] to [b + 1]
};

}  // namespace omni
