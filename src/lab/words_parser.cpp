// Reads the page of an experiment line by line: its title, the sections that are shown, the tables.
#include "lab/words_parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "base/star.h"
#include "base/utf8.h"

namespace omni {
namespace {

constexpr WordTableForm kForms[kWordTables] = {
    {"Options", "option", 2, 2}, {"Conditions", "arm", 3, 4}, {"Metrics", "metric", 2, 2},
    {"Claims", "claim", 2, 2},   {"Figures", "figure", 3, 5}, {"Presets", "preset", 2, 2}};
constexpr const char* kSections[] = {"Question",
                                     "Source",
                                     "Method",
                                     "What it rests on",
                                     "Controls",
                                     "In large systems",
                                     "Where it should fail",
                                     "Costs",
                                     "Limits",
                                     "How many seeds"};
constexpr size_t kLongestHeading = 60;  // of those that may be meant for a known one

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

// Bold and code without their marks, links as their text.
std::string plain(std::string_view text) {
  std::string out;
  std::vector<size_t> opened;  // where a [ stands in `out`
  const size_t last = text.rfind(')');
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '`') continue;
    if (text.substr(i).starts_with("**")) {
      ++i;
      continue;
    }
    if (text[i] == '[') opened.push_back(out.size());
    const bool ends_a_link =
        !opened.empty() && text.substr(i).starts_with("](") && last != text.npos && i < last;
    if (!ends_a_link) {
      out += text[i];
      continue;
    }
    out.erase(opened.back(), 1);
    opened.pop_back();
    i = text.find(')', i);
  }
  return out;
}

// "a | b \| c" between the outer bars, trimmed.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells = {""};
  for (size_t i = 1; i + 1 < line.size(); ++i) {
    if (line.substr(i).starts_with("\\|"))
      cells.back() += line[++i];
    else if (line[i] == '|')
      cells.emplace_back();
    else
      cells.back() += line[i];
  }
  for (std::string& cell : cells) cell = std::string(trimmed(cell));
  return cells;
}

bool is_rule(const std::string& cell) {
  return cell.find('-') != cell.npos && cell.find_first_not_of("-: ") == cell.npos;
}

// What is not to stand in a section that `list` and the report show, or nullptr.
const char* no_paragraph(std::string_view line, bool first) {
  const bool numbered = first && line[0] >= '0' && line[0] <= '9';
  if (line[0] == '|') return "a table";
  if (line.find('$') != line.npos) return "a formula";
  if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ") ||
      (numbered && line.substr(0, 4).find(". ") != line.npos))
    return "a list";
  if (line.find("![") != line.npos) return "a picture";
  if (line[0] == '<' || line[0] == '>') return "HTML or a quotation";
  return nullptr;
}

bool is_nearly(std::string_view heading, std::string_view known) {
  if (heading.size() > kLongestHeading) return false;
  return edit_distance(heading, known) <= std::max<size_t>(1, known.size() / 5);
}

}  // namespace

const WordTableForm& form_of(WordTable table) { return kForms[static_cast<size_t>(table)]; }

bool is_word_section(std::string_view heading) {
  return std::ranges::find(kSections, heading) != std::end(kSections);
}

std::optional<double> published_value(std::string_view text) {
  double x = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), x);
  if (r.ec != std::errc() || r.ptr != text.data() + text.size() || !std::isfinite(x))
    return std::nullopt;
  return x;
}

std::string_view placeholder_at(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() < 2 || text[0] != '{' || is_digit(text[1])) return {};
  size_t end = 1;
  while (end < text.size() && is_letter(text[end])) ++end;
  const bool named = end > 1 && end < text.size() && text[end] == '}';
  return named ? text.substr(1, end - 1) : std::string_view();
}

class WordsParser {
 public:
  WordsParser(Words& words, const std::string& file) : words_(words) { words_.file_ = file; }

  void take(std::string_view line) {
    ++line_;
    const std::string_view text = trimmed(line);
    if (text.starts_with("```") || text.starts_with("~~~")) {
      require(fenced_ || !in_section(),
              "{}: code stands in the section {}; put it behind a ### "
              "heading, for the docs",
              here(), section_);
      fenced_ = !fenced_;
      return;
    }
    if (fenced_) return;
    if (line.starts_with("###")) {
      end_paragraph();
      for_docs_ = true;
    } else if (line.starts_with("## ")) {
      begin(trimmed(line.substr(3)));
    } else if (line.starts_with("# ")) {
      require(words_.title_.empty(), "{}: a second title; the first is '{}'", here(),
              words_.title_);
      words_.title_ = shown(text.substr(2));
    } else if (in_section()) {
      take_paragraph(text);
    } else if (table_ && !for_docs_) {
      take_table(text);
    }
  }

  void end() {
    end_paragraph();
    require(!words_.title_.empty(), "{}:1: a page begins with its title, '# Subliminal learning'",
            words_.file_);
  }

 private:
  std::string here() const { return fmt::format("{}:{}", words_.file_, line_); }
  bool in_section() const { return !section_.empty() && !for_docs_; }

  // What is kept of a line: plain text that nothing obeys.
  std::string shown(std::string_view text) const {
    std::string kept = plain(trimmed(text));
    require(visible(kept) == kept, "{}: expected UTF-8 without control characters", here());
    std::ranges::replace(kept, '\t', ' ');
    return kept;
  }

  void begin(std::string_view heading) {
    end_paragraph();
    section_.clear();
    table_.reset();
    for_docs_ = false;
    rows_of_table_ = 0;
    if (is_word_section(heading)) section_ = heading;
    for (size_t i = 0; i < kWordTables; ++i)
      if (heading == kForms[i].heading) table_ = static_cast<WordTable>(i);
    if (!section_.empty() || table_) {
      require(headings_.insert(std::string(heading)).second, "{}: ## {} stands there twice", here(),
              heading);
      return;
    }
    const auto refuse_nearly = [&](std::string_view known) {
      require(!is_nearly(heading, known), "{}: there is no heading ## {}; did you mean ## {}?",
              here(), heading, known);
    };
    for (const char* known : kSections) refuse_nearly(known);
    for (const WordTableForm& f : kForms) refuse_nearly(f.heading);
  }

  void take_paragraph(std::string_view text) {
    if (text.empty()) return end_paragraph();
    const char* what = no_paragraph(text, paragraph_.empty());
    require(!what, "{}: {} stands in the section {}; put it behind a ### heading, for the docs",
            here(), what ? what : "", section_);
    paragraph_ += (paragraph_.empty() ? "" : " ") + shown(text);
  }

  void end_paragraph() {
    if (paragraph_.empty()) return;
    std::string& text = words_.sections_[section_];
    text += (text.empty() ? "" : "\n\n") + paragraph_;
    paragraph_.clear();
  }

  void take_table(std::string_view text) {
    if (!text.starts_with('|')) {
      rows_of_table_ = 0;
      return;
    }
    require(text.size() > 1 && text.ends_with('|') && !text.ends_with("\\|"),
            "{}: a row of a table ends with |", here());
    std::vector<std::string> cells = cells_of(text);
    ++rows_of_table_;
    if (rows_of_table_ == 1) {
      columns_ = cells.size();
      require_cells(cells, form().most_cells);
    } else if (rows_of_table_ == 2) {
      require(cells.size() == columns_ && std::ranges::all_of(cells, is_rule),
              "{}: below the head of a table stands |---|, once for each of its {} columns", here(),
              columns_);
    } else {
      require_cells(cells, columns_);
      add(std::move(cells));
    }
  }

  const WordTableForm& form() const { return form_of(*table_); }

  void require_cells(const std::vector<std::string>& cells, size_t most) const {
    const size_t least = form().least_cells;
    require(cells.size() >= least && cells.size() <= most,
            "{}: {} cells in a row of {}; expected {}", here(), cells.size(), form().heading,
            least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most));
  }

  void add(std::vector<std::string> cells) {
    Words::Row row{line_, shown(cells[0])};
    require(!row.name.empty(), "{}: the name is missing in a row of {}", here(), form().heading);
    require(std::ranges::count(row.name, '*') <= 1, "{}: more than one * in '{}'", here(),
            row.name);
    for (size_t i = 1; i < cells.size(); ++i) {
      require(cells[i].find('$') == cells[i].npos, "{}: a formula in a table that is shown",
              here());
      row.cells.push_back(shown(cells[i]));
    }
    require(!row.cells[0].empty(), "{}: nothing is said of '{}'", here(), row.name);
    if (table_ == WordTable::conditions && row.cells.size() > kPublishedCell) {
      const std::string& value = row.cells[kPublishedCell];
      require(value.empty() || published_value(value),
              "{}: the published value is a number, not '{}'", here(), value);
    }
    std::vector<Words::Row>& rows = words_.tables_[static_cast<size_t>(*table_)];
    std::map<std::string, int64_t>& named = named_[static_cast<size_t>(*table_)];
    const auto [first, is_new] = named.emplace(row.name, line_);
    require(is_new, "{}: '{}' stands in line {} already", here(), row.name, first->second);
    for (const auto& [pattern, line] : patterns_[static_cast<size_t>(*table_)])
      require(!star_in(pattern, row.name),
              "{}: '{}' is never met, for '{}' in line {} stands before "
              "it",
              here(), row.name, pattern, line);
    if (has_star(row.name)) patterns_[static_cast<size_t>(*table_)].emplace_back(row.name, line_);
    rows.push_back(std::move(row));
  }

  Words& words_;
  int64_t line_ = 0;
  bool fenced_ = false, for_docs_ = false;
  std::string section_, paragraph_;
  std::optional<WordTable> table_;
  size_t rows_of_table_ = 0, columns_ = 0;
  std::set<std::string> headings_;
  std::array<std::map<std::string, int64_t>, kWordTables> named_;
  std::array<std::vector<std::pair<std::string, int64_t>>, kWordTables> patterns_;
};

Words Words::parse(std::string_view page, const std::string& file) {
  Words words;
  WordsParser parser(words, file);
  while (!page.empty()) {
    const size_t end = std::min(page.find('\n'), page.size());
    parser.take(page.substr(0, end));
    page.remove_prefix(std::min(end + 1, page.size()));
  }
  parser.end();
  return words;
}

}  // namespace omni
