// What the words of an experiment's page say of a name; lab/words_parser.cpp reads the page.
#include "lab/words.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "base/star.h"
#include "lab/words_parser.h"

namespace omni {
namespace {

// The text with values for {name}; other braces are left alone.
std::string filled(std::string_view text, const WordValues& values, const std::string& where) {
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == text.npos) break;
    text.remove_prefix(open);
    const std::string name(placeholder_at(text));
    if (name.empty()) {
      out += '{';
      text.remove_prefix(1);
      continue;
    }
    const auto value = values.find(name);
    if (value == values.end()) {
      std::vector<std::string> known;
      for (const auto& [key, v] : values) known.push_back(key);
      fail_user("{}: {{{}}} has no value{}", where, name, suggest(name, known));
    }
    out += value->second;
    text.remove_prefix(name.size() + 2);
  }
  return out;
}

}  // namespace

std::string Words::section(std::string_view heading) const {
  check(is_word_section(heading), "'{}' heads no section of an experiment's page", heading);
  const auto it = sections_.find(heading);
  return it == sections_.end() ? "" : it->second;
}

const Words::Row* Words::find(WordTable table, std::string_view name) const {
  const auto it = std::ranges::find_if(
      rows(table), [&](const Row& r) { return star_in(r.name, name).has_value(); });
  return it == rows(table).end() ? nullptr : &*it;
}

std::vector<std::string> Words::row(WordTable table, std::string_view name,
                                    const WordValues& values) const {
  const WordTableForm& form = form_of(table);
  std::vector<std::string> cells(form.most_cells - 1);
  if (!there()) {
    cells[0] = name;
    return cells;
  }
  const Row* r = find(table, name);
  if (!r) {
    const std::vector<std::string> near = nearest(name, names(table), 1);
    std::string hint = fmt::format("write a row of it under ## {}", form.heading);
    if (!near.empty()) {
      const auto it = std::ranges::find(rows(table), near[0], &Row::name);
      hint = fmt::format("line {} has '{}'", it->line, near[0]);
    }
    fail_user("{}: it says nothing of the {} '{}'; {}", file_, form.what, name, hint);
  }
  const std::string star = *star_in(r->name, name);
  const std::string where = fmt::format("{}:{}", file_, r->line);
  for (size_t i = 0; i < r->cells.size(); ++i)
    cells[i] =
        filled(has_star(r->name) ? with_star(r->cells[i], star) : r->cells[i], values, where);
  return cells;
}

std::optional<double> Words::published(std::string_view arm) const {
  const Row* r = find(WordTable::conditions, arm);
  if (!r || r->cells.size() <= kPublishedCell || r->cells[kPublishedCell].empty())
    return std::nullopt;
  return published_value(r->cells[kPublishedCell]);
}

size_t Words::place(WordTable table, std::string_view name) const {
  const Row* r = find(table, name);
  return r ? static_cast<size_t>(r - rows(table).data()) : rows(table).size();
}

std::vector<std::string> Words::names(WordTable table) const {
  std::vector<std::string> all;
  for (const Row& r : rows(table)) all.push_back(r.name);
  return all;
}

std::vector<std::string> Words::unused(WordTable table, std::span<const std::string> names) const {
  std::vector<std::string> found;
  for (const Row& r : rows(table))
    if (std::ranges::none_of(names,
                             [&](const std::string& name) { return find(table, name) == &r; }))
      found.push_back(fmt::format("{}:{}: there is no {} '{}' in the code{}", file_, r.line,
                                  form_of(table).what, r.name, suggest(r.name, names)));
  return found;
}

}  // namespace omni
