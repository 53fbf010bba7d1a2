// The nearest valid names to a mistyped one, for error texts.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, each at
// cost 1 (optimal string alignment). Letter case is ignored and '_', '-' and ' ' count as equal.
size_t edit_distance(std::string_view a, std::string_view b);

// At most `at_most` candidates that may have been meant, best first; ties keep the given order.
// A candidate is near if a third of its letters or fewer differ (2 in short names), or if one name
// contains the other. May be empty.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t at_most = 3);

// A clause to end an error with: `; did you mean "a" or "b"?`, or, if nothing is near,
// `; known: a, b, c`.
// It takes its time: on paths that are often taken, ask for it only once there is an error.
std::string suggest(std::string_view name, std::span<const std::string> candidates);

// The names in a map, to be suggested.
template <class Map>
std::vector<std::string> names_in(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

}  // namespace omni
