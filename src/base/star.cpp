// What a * in a name stands for.
#include "base/star.h"

namespace omni {

std::optional<std::string> star_in(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == name ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (name.size() < before.size() + after.size() || !name.starts_with(before) ||
      !name.ends_with(after))
    return std::nullopt;
  return std::string(name.substr(star, name.size() - before.size() - after.size()));
}

std::string with_star(std::string_view text, std::string_view stands_for) {
  std::string filled;
  for (const char c : text) {
    if (c == '*')
      filled += stands_for;
    else
      filled += c;
  }
  return filled;
}

}  // namespace omni
