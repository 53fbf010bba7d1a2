// Bytes of any origin as text that others may read: valid UTF-8, and harmless on a screen (ICU).
#pragma once

#include <string>
#include <string_view>

namespace omni {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool is_utf8(std::string_view text);

// Takes the first character off `text`, which must not be empty, and returns its bytes;
// kReplacement for bytes that form none. One stands for as many bytes as begin some character, or
// else for one byte, as Unicode recommends and the decode() of Python and of transformers does.
std::string_view take_character(std::string_view& text);

// The same text if it is UTF-8, else one with kReplacement where bytes form no character.
std::string valid_utf8(std::string_view bytes);

// Of a character as take_character() gives it: a control (U+0000 to U+001F, U+007F to U+009F),
// which terminals obey, or one that reverses the order of what follows (U+202A to U+202E, U+2066 to
// U+2069), so that a text would read as another.
bool is_control(std::string_view character);

// Valid UTF-8 that no terminal obeys: controls but line breaks and tabs are written as in JSON,
// "\u001b" or "\u202e", so that JSON stays the same JSON. Done twice it changes nothing more.
std::string visible(std::string_view text);

}  // namespace omni
