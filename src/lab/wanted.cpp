// Conditions and presets as text: words, quotes, and values held against those of options.
#include "lab/wanted.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/error.h"

namespace omni {
namespace {

// The words between blanks. As parse_assignment() has it, a value that begins with a double quote
// ends with one, and a backslash takes away the meaning of the character behind it.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words = {""};
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string& word = words.back();
    if (!quoted && text[i] == ' ') {
      if (!word.empty()) words.emplace_back();
      continue;
    }
    const bool opens = !word.empty() && (word.back() == '=' || word.back() == ',');
    if (text[i] == '"' && (quoted || opens)) quoted = !quoted;
    word += text[i];
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] != ' ') word += text[++i];
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

// Whether the value of the option that `who` names is what is wanted of it.
bool is_so(const std::string& who, const std::string& now, const std::string& wanted, bool) {
  return std::ranges::all_of(parts_of(wanted, who),
                             [&](const std::string& part) { return has_part(now, part); });
}
template <class T>
bool is_so(const std::string&, const std::vector<T>& now, const std::vector<T>& wanted, bool) {
  return std::ranges::all_of(wanted, [&](T x) { return std::ranges::find(now, x) != now.end(); });
}
template <class T>
requires std::is_arithmetic_v<T>
bool is_so(const std::string&, T now, T wanted, bool at_least) {
  return at_least ? now >= wanted : now == wanted;
}

}  // namespace

std::vector<Wanted> parse_wanted(std::string_view text, const std::string& where) {
  std::vector<Wanted> all;
  for (const std::string& word : words_of(text)) {
    const std::string here = fmt::format("{}: {}", where, word);
    const Assignment a = parse_assignment(word, here);
    Wanted w{a.key, fmt::format("{}", fmt::join(a.values, ",")), a.key.ends_with('>')};
    if (w.at_least) w.key.pop_back();
    require(!w.key.empty(), "{}: expected key=value, for instance lr=0.001", here);
    require(std::ranges::find(all, w.key, &Wanted::key) == all.end(), "{}: '{}' is there twice",
            where, w.key);
    all.push_back(std::move(w));
  }
  return all;
}

void set_all(OptionList& options, std::string_view text, const std::string& where) {
  for (const Wanted& w : parse_wanted(text, where)) {
    require(!w.at_least, "{}: {}>={} is no value; write {}={}", where, w.key, w.value, w.key,
            w.value);
    options.find(w.key, where).set(w.value, where);
  }
}

std::string differs(OptionList& options, std::string_view wanted, const std::string& where) {
  std::string first;
  for (const Wanted& w : parse_wanted(wanted, where)) {
    const Option& option = options.find(w.key, where);
    const bool holds = std::visit(
        [&](const auto* now) {
          using T = std::remove_cvref_t<decltype(*now)>;
          require(!w.at_least || (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>),
                  "{}: {}>={}: '{}' is no number", where, w.key, w.value, w.key);
          T value = *now;
          Option same(option.name(), &value);
          same.add(option.allowed());
          same.set(w.value, where);
          return is_so(fmt::format("{}: {}", where, w.key), *now, value, w.at_least);
        },
        option.field());
    if (!holds && first.empty())
      first = fmt::format("{0}={1}, and it speaks of {0}{2}{3}", w.key, option.text(),
                          w.at_least ? ">=" : "=", w.value);
  }
  return first;
}

}  // namespace omni
