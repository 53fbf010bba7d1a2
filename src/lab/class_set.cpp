#include "lab/class_set.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"

namespace omni {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// The parts between any of the separators; one more part than separators.
std::vector<std::string_view> split(std::string_view s, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = s.find_first_of(separators);
    parts.push_back(trimmed(s.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    s.remove_prefix(at + 1);
  }
}

}  // namespace

std::vector<int32_t> parse_classes(std::string_view text, std::string_view option,
                                   int64_t classes) {
  const auto number = [&](std::string_view s) {
    int32_t x = -1;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), x);
    require(error == std::errc() && end == s.data() + s.size(),
            "{}={}: '{}' is no class; write numbers and ranges such as 0-2+8", option, text, s);
    require(x >= 0 && x < classes, "{}={}: there is no class {}, classes are 0 to {}", option, text,
            x, classes - 1);
    return x;
  };
  std::set<int32_t> found;
  for (const std::string_view part : split(text, "+,")) {
    const std::vector<std::string_view> ends = split(part, "-");
    require(ends.size() <= 2, "{}={}: '{}' is no range; write one as 0-2", option, text, part);
    const int32_t low = number(ends.front()), high = number(ends.back());
    require(low <= high, "{}={}: the range {} is empty; write it as {}-{}", option, text, part,
            high, low);
    for (int32_t c = low; c <= high; ++c) found.insert(c);
  }
  return {found.begin(), found.end()};
}

std::vector<int32_t> other_classes(const std::vector<int32_t>& set, int64_t classes) {
  std::vector<int32_t> others;
  for (int32_t c = 0; c < classes; ++c)
    if (std::ranges::find(set, c) == set.end()) others.push_back(c);
  return others;
}

std::function<bool(int32_t)> one_of_classes(std::vector<int32_t> set) {
  return [set = std::move(set)](int32_t label) {
    return std::ranges::find(set, label) != set.end();
  };
}

std::string classes_text(const std::vector<int32_t>& set) {
  std::string text;
  for (size_t i = 0; i < set.size();) {
    size_t last = i;
    while (last + 1 < set.size() && set[last + 1] == set[last] + 1) ++last;
    if (!text.empty()) text += '+';
    text += last == i ? fmt::format("{}", set[i])
                      : fmt::format("{}{}{}", set[i], last == i + 1 ? "+" : "-", set[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace omni
