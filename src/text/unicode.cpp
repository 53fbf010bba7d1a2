#include "text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace omni {
namespace {

CharacterClass looked_up(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  if (u_isUWhiteSpace(c)) return CharacterClass::space;
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK) return CharacterClass::letter;
  if (category & U_GC_N_MASK) return CharacterClass::number;
  return CharacterClass::other;
}

// The character at `at`, or a negative number; `at` moves on either way.
UChar32 read(std::string_view text, size_t& at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT(bytes, at, text.size(), c);
  return c;
}

// As str.isspace() of Python, which counts four separators among the controls too.
bool is_python_space(UChar32 c) { return u_isUWhiteSpace(c) || (c >= 0x1c && c <= 0x1f); }

}  // namespace

CharacterClass class_of(char32_t character) {
  static const std::array<CharacterClass, 128> ascii = [] {
    std::array<CharacterClass, 128> table{};
    for (size_t c = 0; c < table.size(); ++c) table[c] = looked_up(static_cast<char32_t>(c));
    return table;
  }();
  return character < ascii.size() ? ascii[character] : looked_up(character);
}

char32_t next_character(std::string_view text, size_t& at) {
  const size_t start = at;
  const UChar32 c = read(text, at);
  require(c >= 0,
          "not UTF-8 at byte {} (0x{:02x}); save the text as UTF-8, or convert it with iconv",
          start, static_cast<unsigned char>(text[start]));
  return static_cast<char32_t>(c);
}

void require_utf8(std::string_view text, std::string_view where) {
  size_t at = 0;
  try {
    while (at < text.size()) next_character(text, at);
  } catch (const UserError& error) {
    fail_user("{}: {}", where, error.what());
  }
}

std::string utf8_of(char32_t character) {
  std::array<uint8_t, U8_MAX_LENGTH> bytes{};
  size_t length = 0;
  U8_APPEND_UNSAFE(bytes.data(), length, static_cast<UChar32>(character));
  return {bytes.begin(), bytes.begin() + length};
}

int64_t character_count(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += !U8_IS_TRAIL(static_cast<uint8_t>(c));
  return count;
}

std::string_view first_characters(std::string_view text, int64_t count) {
  size_t end = 0;
  for (; end < text.size(); ++end)
    if (!U8_IS_TRAIL(static_cast<uint8_t>(text[end])) && count-- == 0) break;
  return text.substr(0, end);
}

std::string_view stripped_end(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  for (auto end = static_cast<int32_t>(text.size()); end > 0;) {
    UChar32 c = 0;
    U8_PREV(bytes, 0, end, c);
    if (!is_python_space(c)) break;
    text = text.substr(0, static_cast<size_t>(end));
  }
  return text;
}

std::string_view stripped(std::string_view text) {
  text = stripped_end(text);
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    if (!is_python_space(read(text, at))) return text.substr(start);
  }
  return {};
}

std::string composed(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return U8_IS_SINGLE(static_cast<uint8_t>(c)); }))
    return std::string(text);  // ASCII is composed
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  std::string result;
  if (nfc) {
    icu::StringByteSink<std::string> sink(&result, static_cast<int32_t>(text.size()));
    nfc->normalizeUTF8(0, {text.data(), static_cast<int32_t>(text.size())}, sink, nullptr, error);
  }
  check(U_SUCCESS(error), "composed: ICU says {}", u_errorName(error));
  return result;
}

std::string lower_case(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (c < 128)
      lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    else
      lower += utf8_of(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  }
  return lower;
}

}  // namespace omni
