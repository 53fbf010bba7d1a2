// UTF-8 and the few properties of characters that tokenizers and keyword rules ask for (ICU).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace omni {

enum class CharacterClass : uint8_t { letter, number, space, other };

// As \p{L}, \p{N} and \s (White_Space) of the regular expressions of Unicode.
CharacterClass class_of(char32_t character);

// Reads the character that starts at byte `at` and moves `at` behind it. UserError that names the
// byte if the text is not UTF-8 there.
char32_t next_character(std::string_view text, size_t& at);

// UserError "WHERE: not UTF-8 at byte N ..." unless all of `text` is UTF-8.
void require_utf8(std::string_view text, std::string_view where);

std::string utf8_of(char32_t character);

// Characters (code points) of a text that is UTF-8.
int64_t character_count(std::string_view text);
// The first `count` characters, or all if there are fewer.
std::string_view first_characters(std::string_view text, int64_t count);

// Without white space at the end, and at both ends, as rstrip() and strip() of Python have it.
std::string_view stripped_end(std::string_view text);
std::string_view stripped(std::string_view text);
// Unicode's form NFC of a text that is UTF-8: an "e" and an accent behind it become one character.
std::string composed(std::string_view text);

// Each character in lower case by Unicode's simple mapping: "Ünder" becomes "ünder".
std::string lower_case(std::string_view text);

}  // namespace omni
