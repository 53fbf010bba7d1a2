#include "text/byte_letters.h"

#include <algorithm>

#include "text/unicode.h"

namespace omni {
namespace {

constexpr bool is_own_letter(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

constexpr std::array<char32_t, 256> kLetters = [] {
  std::array<char32_t, 256> letters{};
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte)
    letters[byte] = is_own_letter(byte) ? static_cast<char32_t>(byte) : next++;
  return letters;
}();

// The byte of a letter, or -1.
int byte_of(char32_t letter) {
  static const std::array<int16_t, 512> bytes = [] {
    std::array<int16_t, 512> table{};
    table.fill(-1);
    for (size_t byte = 0; byte < kLetters.size(); ++byte)
      table[kLetters[byte]] = static_cast<int16_t>(byte);
    return table;
  }();
  return letter < bytes.size() ? bytes[letter] : -1;
}

}  // namespace

std::array<uint8_t, 256> bytes_in_letter_order() {
  std::array<uint8_t, 256> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  std::sort(bytes.begin(), bytes.end(),
            [](uint8_t a, uint8_t b) { return kLetters[a] < kLetters[b]; });
  return bytes;
}

std::string letters_of(std::string_view bytes) {
  std::string letters;
  for (const char c : bytes) letters += utf8_of(kLetters[static_cast<unsigned char>(c)]);
  return letters;
}

std::optional<std::string> bytes_of_letters(std::string_view letters) {
  std::string bytes;
  for (size_t at = 0; at < letters.size();) {
    const int byte = byte_of(next_character(letters, at));
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace omni
