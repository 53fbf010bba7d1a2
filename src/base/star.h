// Names with a * in them, which stands for anything: "fork-*" is "fork-0.5" with "0.5" for the *.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace omni {

inline bool has_star(std::string_view name) { return name.find('*') != name.npos; }

// What the first * of the pattern stands for in a name, perhaps nothing at all; absent if the name
// does not fit. A pattern without one fits itself alone, and nothing stands for its *.
std::optional<std::string> star_in(std::string_view pattern, std::string_view name);

// The text with every * replaced.
std::string with_star(std::string_view text, std::string_view stands_for);

}  // namespace omni
