#include "base/nearest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace omni {
namespace {

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '_' || c == ' ') c = '-';
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

size_t edit_distance(std::string_view first, std::string_view second) {
  const std::string a = folded(first), b = folded(second);
  // Three rows of the table: a swap looks two rows back.
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t at_most) {
  struct Scored {
    size_t distance;
    const std::string* name;
  };
  // Longer texts are no names with a slip in them, and comparing them takes the product of lengths.
  constexpr size_t kLongest = 200;
  const std::string wanted = folded(name);
  std::vector<Scored> near;
  for (const std::string& candidate : candidates) {
    if (std::max(name.size(), candidate.size()) > kLongest) continue;
    const size_t distance = edit_distance(name, candidate);
    const std::string other = folded(candidate);
    // Containing counts only for pieces long enough to mean something.
    const bool contained = std::min(wanted.size(), other.size()) >= 3 &&
                           (other.find(wanted) != std::string::npos ||
                            wanted.find(other) != std::string::npos);
    const size_t allowed = std::max<size_t>(2, std::max(wanted.size(), other.size()) / 3);
    const bool shares_a_letter = distance < std::max(wanted.size(), other.size());
    if (contained || (distance <= allowed && shares_a_letter))
      near.push_back({distance, &candidate});
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const Scored& a, const Scored& b) { return a.distance < b.distance; });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(at_most, near.size()); ++i) names.push_back(*near[i].name);
  return names;
}

std::string suggest(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string> names = nearest(name, candidates);
  if (names.empty()) return fmt::format("; known: {}", fmt::join(candidates, ", "));
  std::string text = "; did you mean ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", names[i]);
  }
  return text + "?";
}

}  // namespace omni
