#include "base/utf8.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

namespace omni {
namespace {

// The code point that `text` begins with, negative if its first bytes form none; moves behind it.
UChar32 take_point(std::string_view& text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t at = 0;
  UChar32 c = 0;
  U8_NEXT(bytes, at, text.size(), c);
  text.remove_prefix(at);
  return c;
}

bool is_control(UChar32 c) {
  return (c >= 0 && c < 0x20) || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty())
    if (take_point(text) < 0) return false;
  return true;
}

std::string_view take_character(std::string_view& text) {
  const std::string_view whole = text;
  return take_point(text) < 0 ? kReplacement : whole.substr(0, whole.size() - text.size());
}

std::string valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) out += take_character(bytes);
  return out;
}

bool is_control(std::string_view character) { return is_control(take_point(character)); }

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::string_view rest = text;
    const UChar32 c = take_point(rest);
    const std::string_view character = text.substr(0, text.size() - rest.size());
    if (c < 0)
      out += kReplacement;
    else if (c == '\n' || c == '\t' || !is_control(c))
      out += character;
    else
      out += fmt::format("\\u{:04x}", c);
    text = rest;
  }
  return out;
}

}  // namespace omni
