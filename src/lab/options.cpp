#include "lab/options.h"

#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "lab/numbers.h"

namespace omni {
namespace {

// Guards against a slip of the finger.
constexpr int64_t kMostSeeds = 1'000'000;
constexpr int64_t kLongestList = 10'000;

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(at, begin);
    parts.emplace_back(trimmed(text.substr(begin, end - begin)));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool parse_item(std::string_view part, std::vector<double>& out) {
  return parse_number(part, out.emplace_back());
}
// A number or a range, "4" or "0-4".
bool parse_item(std::string_view part, std::vector<int64_t>& out) {
  const size_t dash = part.find('-', 1);
  int64_t first = 0, last = 0;
  const bool ok = parse_integer(trimmed(part.substr(0, dash)), first) &&
                  parse_integer(trimmed(part.substr(dash == part.npos ? 0 : dash + 1)), last);
  if (!ok || last < first || last - first >= kLongestList) return false;
  for (int64_t x = first; x <= last; ++x) out.push_back(x);
  return true;
}

// Refuses what toml++ does not survive and settings never have. A heading of a table may fail an
// assertion of the parser ("[ !"). A name becomes a table per dot, and some ten thousands of them
// overflow the stack when they are let go; names do not span lines, and a line may hold the longest
// list of fractions.
void refuse_hostile(std::string_view toml, const std::string& file) {
  int64_t line = 1, dots = 0;
  bool at_start = true;  // of a line, but for blanks
  for (const char c : toml) {
    if (c == '.') ++dots;
    require(dots <= kLongestList, "{}:{}: more than {} dots in one line; break it", file, line,
            kLongestList);
    require(!at_start || c != '[', "{}:{}: a line begins with '['; expected name = value, as there "
            "are no tables", file, line);
    at_start = c == '\n' || (at_start && (c == ' ' || c == '\t'));
    if (c == '\n') ++line, dots = 0;
  }
}

// The values of one word of the command line. Commas separate them; a comma belongs to a value
// where the value stands in double quotes or a backslash comes before it.
std::vector<std::string> typed_values(std::string_view text, std::string_view where) {
  std::vector<std::string> values;
  for (size_t i = 0; i <= text.size(); ++i) {
    while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
    std::string& value = values.emplace_back();
    if (i == text.size() || text[i] != '"') {
      for (; i < text.size() && text[i] != ','; ++i) {
        if (text.substr(i).starts_with("\\,")) ++i;
        value += text[i];
      }
      value = trimmed(value);
      continue;
    }
    for (++i; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\'))
        ++i;
      value += text[i];
    }
    require(i < text.size(), "{}: a closing \" is missing", where);
    for (++i; i < text.size() && (text[i] == ' ' || text[i] == '\t');) ++i;
    require(i == text.size() || text[i] == ',',
            "{}: after a closing \" comes a comma or nothing, found '{}'", where, text.substr(i));
  }
  return values;
}

template <class T>
bool parse_list(std::string_view text, std::vector<T>& out) {
  out.clear();
  for (const std::string& part : split(text, ','))
    if (!parse_item(part, out) || out.size() > static_cast<size_t>(kLongestList)) return false;
  return !std::is_integral_v<T> || std::set(out.begin(), out.end()).size() == out.size();
}

}  // namespace

Allowed between(double low, double high) { return {low, high, {}}; }
Allowed at_least(double low) { return {low, std::numeric_limits<double>::infinity(), {}}; }
Allowed one_of(std::vector<std::string> choices) {
  Allowed a;
  a.choices = std::move(choices);
  return a;
}

bool Option::is_whole() const { return std::holds_alternative<int64_t*>(field_); }

bool Option::is_text() const { return std::holds_alternative<std::string*>(field_); }

bool Option::is_free_text() const { return is_text() && allowed_.choices.empty(); }
Harmless harmless(std::string why) { return {Harmless::When::always, std::move(why)}; }
Harmless harmless_if_more(std::string why) { return {Harmless::When::if_more, std::move(why)}; }
Harmless harmless_if_including(std::string why) {
  return {Harmless::When::if_including, std::move(why)};
}

Used used_if(bool used, std::string with) { return {used, std::move(with)}; }

void Option::add(Used used) {
  if (!used.used && used_with_.empty()) used_with_ = std::move(used.with);
}

bool Option::is_list() const {
  return std::holds_alternative<std::vector<int64_t>*>(field_) ||
         std::holds_alternative<std::vector<double>*>(field_);
}

std::string Option::expects() const {
  if (std::holds_alternative<bool*>(field_)) return "true or false";
  if (std::holds_alternative<std::string*>(field_))
    return allowed_.choices.empty() ? "a text"
                                    : fmt::format("one of {}", fmt::join(allowed_.choices, ", "));
  const char* kind = std::holds_alternative<int64_t*>(field_)              ? "a whole number"
                     : std::holds_alternative<double*>(field_)             ? "a number"
                     : std::holds_alternative<std::vector<double>*>(field_) ? "numbers (a,b,c)"
                                                           : "whole numbers (0-4,7), each once,";
  const bool low = std::isfinite(allowed_.low), high = std::isfinite(allowed_.high);
  if (low && high) return fmt::format("{} from {} to {}", kind, allowed_.low, allowed_.high);
  if (low) return fmt::format("{} of at least {}", kind, allowed_.low);
  if (high) return fmt::format("{} of at most {}", kind, allowed_.high);
  return kind;
}

std::string Option::text() const {
  if (const auto* p = std::get_if<int64_t*>(&field_)) return fmt::format("{}", **p);
  if (const auto* p = std::get_if<double*>(&field_)) return fmt::format("{}", **p);
  if (const auto* p = std::get_if<bool*>(&field_)) return **p ? "true" : "false";
  if (const auto* p = std::get_if<std::vector<int64_t>*>(&field_))
    return fmt::format("{}", fmt::join(**p, ","));
  if (const auto* p = std::get_if<std::vector<double>*>(&field_))
    return fmt::format("{}", fmt::join(**p, ","));
  return *std::get<std::string*>(field_);
}

std::string Option::toml() const {
  if (is_list()) return "[" + text() + "]";
  if (!std::holds_alternative<std::string*>(field_)) {
    const std::string t = text();
    const bool real = std::holds_alternative<double*>(field_);
    return real && t.find_first_of(".en") == std::string::npos ? t + ".0" : t;
  }
  std::string quoted = "\"";
  for (const char c : text()) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04x}", static_cast<int>(c));
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

void Option::set(std::string_view text, std::string_view where) {
  text = trimmed(text);
  if (is_list() && text.empty() && this->text().empty()) return;
  bool parsed = true;
  if (auto* p = std::get_if<int64_t*>(&field_)) parsed = parse_integer(text, **p);
  else if (auto* q = std::get_if<double*>(&field_)) parsed = parse_number(text, **q);
  else if (auto* n = std::get_if<std::vector<int64_t>*>(&field_)) parsed = parse_list(text, **n);
  else if (auto* r = std::get_if<std::vector<double>*>(&field_)) parsed = parse_list(text, **r);
  else if (auto* b = std::get_if<bool*>(&field_)) {
    parsed = text == "true" || text == "false" || text == "1" || text == "0";
    **b = text == "true" || text == "1";
  } else {
    require(visible(text) == text,
            "{}: '{}' expects a text of UTF-8 without control characters, got "
            "'{}'; if it names a file, give that another name",
            where, name_, text);
    *std::get<std::string*>(field_) = text;
  }
  require(parsed, "{}: '{}' expects {}, got '{}'{}", where, name_, expects(), text,
          is_list() || std::holds_alternative<bool*>(field_) ? "" : number_hint(text));
  check(where);
}

void Option::check(std::string_view where) const {
  bool fits = true;
  const auto in_range = [&](auto number) {
    const auto x = static_cast<double>(number);
    return std::isfinite(x) && x >= allowed_.low && x <= allowed_.high;
  };
  const auto all_in_range = [&](const auto& list) { return std::ranges::all_of(list, in_range); };
  if (const auto* p = std::get_if<int64_t*>(&field_)) fits = in_range(**p);
  if (const auto* p = std::get_if<double*>(&field_)) fits = in_range(**p);
  if (const auto* p = std::get_if<std::vector<int64_t>*>(&field_)) fits = all_in_range(**p);
  if (const auto* p = std::get_if<std::vector<double>*>(&field_)) fits = all_in_range(**p);
  if (const auto* p = std::get_if<std::string*>(&field_); p && !allowed_.choices.empty()) {
    fits = std::ranges::find(allowed_.choices, **p) != allowed_.choices.end();
    if (!fits)
      fail_user("{}: '{}' expects {}, got '{}'{}", where, name_, expects(), **p,
                suggest(**p, allowed_.choices));
  }
  require(fits, "{}: '{}' expects {}, got {}", where, name_, expects(), text());
}

bool Option::spares_claims_of(const Option& usual) const {
  if (text() == usual.text() || harmless_.when == Harmless::When::always) return true;
  return std::visit(
      [&](const auto* mine) {
        using T = std::remove_cvref_t<decltype(*mine)>;
        const T& other = **std::get_if<T*>(&usual.field_);
        if (harmless_.when == Harmless::When::if_more)
          if constexpr (std::is_arithmetic_v<T>) return *mine >= other;
        if (harmless_.when == Harmless::When::if_including) {
          if constexpr (std::is_same_v<T, std::string>)
            return (*mine + '+').starts_with(other + '+');
          else if constexpr (!std::is_arithmetic_v<T>)
            return std::ranges::all_of(
                other, [&](auto x) { return std::ranges::find(*mine, x) != mine->end(); });
        }
        return false;
      },
      field_);
}

std::vector<OptionChange> changes_of(const OptionList& now, const OptionList& usual) {
  std::vector<OptionChange> changes;
  for (const Option& o : now.all()) {
    const auto as = std::ranges::find(usual.all(), o.name(), &Option::name);
    check(as != usual.all().end(), "there is no option '{}' to compare with", o.name());
    if (!o.spares_claims_of(*as)) changes.push_back({o.name(), o.text(), as->text()});
  }
  return changes;
}

void OptionList::add(Option option) {
  require(std::ranges::find(options_, option.name(), &Option::name) == options_.end(),
          "option '{}' is declared twice; what settings derive from may have it already",
          option.name());
  options_.push_back(std::move(option));
}

size_t OptionList::choose(std::string_view names) {
  choices_.push_back({words_between_blanks(names)});
  return choices_.size() - 1;
}

OptionList::Chosen OptionList::only(std::string_view names) { return {*this, {choose(names)}}; }

OptionList::Chosen OptionList::Chosen::only(std::string_view names) const {
  std::vector<size_t> choices = choices_;
  choices.push_back(list_.choose(names));
  return {list_, std::move(choices)};
}

// What a narrower choice leaves out the wider ones never meet.
bool OptionList::Chosen::takes(const std::string& name) {
  for (auto it = choices_.rbegin(); it != choices_.rend(); ++it) {
    Choice& choice = list_.choices_[*it];
    choice.met.push_back(name);
    if (std::ranges::find(choice.names, name) == choice.names.end()) return false;
  }
  return true;
}

void OptionList::check() const {
  for (const Choice& choice : choices_)
    for (const std::string& name : choice.names)
      if (std::ranges::find(choice.met, name) == choice.met.end())
        fail_user("only(\"{}\"): there is no option '{}' to choose{}", fmt::join(choice.names, " "),
                  name, suggest(name, choice.met));
  for (const std::function<void()>& holds : checks_) holds();
}

std::vector<std::string> OptionList::names() const {
  std::vector<std::string> names;
  for (const Option& o : options_) names.push_back(o.name());
  return names;
}

Option& OptionList::find(std::string_view name, std::string_view where) {
  for (Option& o : options_)
    if (o.name() == name) return o;
  const std::vector<std::string> known = names();
  fail_user("{}: there is no option '{}'{}", where, name, suggest(name, known));
}

std::vector<std::string> words_between_blanks(std::string_view text) {
  std::vector<std::string> words = split(text, ' ');
  std::erase(words, "");
  return words;
}

bool has_part(std::string_view text, std::string_view part) {
  return fmt::format("+{}+", text).find(fmt::format("+{}+", part)) != std::string::npos;
}

std::string with_part(std::string_view text, std::string_view part) {
  return fmt::format("{}{}{}", text, text.empty() ? "" : "+", part);
}

std::vector<std::string> parts_of(std::string_view text, std::string_view option,
                                  std::span<const std::string> known) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find('+', from), text.size());
    const std::string part(text.substr(from, to - from));
    require(known.empty() || std::ranges::find(known, part) != known.end(),
            "{}={}: there is no '{}'; wanted are {}, joined by +", option, text, part,
            fmt::join(known, ", "));
    require(std::ranges::find(parts, part) == parts.end(), "{}={}: '{}' is there twice", option,
            text, part);
    parts.push_back(part);
    from = to + 1;
  }
  return parts;
}

Assignment parse_assignment(std::string_view argument) {
  return parse_assignment(argument, fmt::format("argument {}", argument));
}

Assignment parse_assignment(std::string_view argument, const std::string& where) {
  const size_t equals = argument.find('=');
  require(equals != std::string_view::npos && !trimmed(argument.substr(0, equals)).empty(),
          "{}: expected key=value, for instance lr=0.001", where);
  Assignment a{std::string(trimmed(argument.substr(0, equals))), {}, where};
  a.typed = trimmed(argument.substr(equals + 1));
  a.values = typed_values(a.typed, where);
  for (const std::string& v : a.values)
    require(!v.empty(), "{}: a value is missing after '{}'", where,
            a.values.size() == 1 ? "=" : ",");
  return a;
}

std::vector<Assignment> parse_assignments(const std::string& text, const std::string& file) {
  refuse_hostile(text, file);
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    fail_user("{}:{}:{}: {}", file, e.source().begin.line, e.source().begin.column,
              e.description());
  }
  std::vector<Assignment> out;
  for (const auto& [key, node] : table) {
    const auto at = node.source().begin;
    Assignment a{std::string(key.str()), {}, fmt::format("{}:{}:{}", file, at.line, at.column)};
    const auto take = [&](const toml::node& n) {
      std::string& value = a.values.emplace_back();
      if (const auto* i = n.as_integer()) value = fmt::format("{}", i->get());
      else if (const auto* d = n.as_floating_point()) value = fmt::format("{}", d->get());
      else if (const auto* b = n.as_boolean()) value = b->get() ? "true" : "false";
      else if (const auto* s = n.as_string()) value = s->get();
      else
        fail_user("{}: '{}' must be a number, true, false, a text, or an array of these", a.where,
                  a.key);
    };
    if (const toml::array* array = node.as_array()) {
      if (array->empty()) a.values.emplace_back();  // of an empty list; other options refuse it
      for (const toml::node& n : *array) take(n);
    } else {
      take(node);
    }
    out.push_back(std::move(a));
  }
  return out;
}

std::vector<int64_t> parse_seeds(std::string_view text, std::string_view where) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const std::string& part : split(text, ',')) {
    const size_t dots = part.find("..");
    int64_t first = 0, last = 0;
    const bool ok = dots == std::string::npos
                        ? parse_integer(part, first) && parse_integer(part, last)
                        : parse_integer(std::string_view(part).substr(0, dots), first) &&
                              parse_integer(std::string_view(part).substr(dots + 2), last);
    require(ok && first >= 0 && last >= first,
            "{}: seeds expects ranges such as 0..31 or lists such as 0,1,5; got '{}'", where, text);
    ranges.emplace_back(first, last);
  }
  // Ranges that overlap count once, and cost no more than one of them.
  std::ranges::sort(ranges);
  std::vector<int64_t> seeds;
  for (auto [first, last] : ranges) {
    if (!seeds.empty()) {
      if (last <= seeds.back()) continue;
      first = std::max(first, seeds.back() + 1);
    }
    require(last - first < kMostSeeds - static_cast<int64_t>(seeds.size()),
            "{}: at most {} seeds are allowed, got '{}'", where, kMostSeeds, text);
    for (int64_t i = 0; i <= last - first; ++i) seeds.push_back(first + i);
  }
  return seeds;
}

}  // namespace omni
