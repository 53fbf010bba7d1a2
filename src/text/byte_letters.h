// GPT-2's vocabulary files write bytes as printable characters: a byte that is one in Latin-1 as
// itself, the other 68 as the characters from U+0100 on, in order. A space is written "Ġ".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omni {

// All bytes, ordered by their letters: ids 0 to 255 of a fresh vocabulary.
std::array<uint8_t, 256> bytes_in_letter_order();

std::string letters_of(std::string_view bytes);
// None if a character stands for no byte. UserError unless UTF-8.
std::optional<std::string> bytes_of_letters(std::string_view letters);

}  // namespace omni
