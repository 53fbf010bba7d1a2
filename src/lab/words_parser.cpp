// Reads the page of an experiment line by line: its title, the sections that are shown, the tables.
#include "lab/words_parser.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "base/star.h"
#include "base/utf8.h"
#include "lab/plain_text.h"

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
  if (line.find_first_not_of('-') == line.npos || line.find_first_not_of('=') == line.npos)
    return "a line below a heading";
  return nullptr;
}

// The marks that a block of code begins with or ends with: ``` or more, or ~~~; empty: none.
std::string_view fence_in(std::string_view text) {
  if (!text.starts_with("```") && !text.starts_with("~~~")) return {};
  const std::string_view marks =
      text.substr(0, std::min(text.find_first_not_of(text[0]), text.size()));
  const bool is_code_of_a_line = text[0] == '`' && text.find('`', marks.size()) != text.npos;
  return is_code_of_a_line ? std::string_view() : marks;
}

// "Costs" of "Costs ##".
std::string_view without_closing(std::string_view heading) {
  const std::string_view rest = heading.substr(0, heading.find_last_not_of('#') + 1);
  return rest.empty() || is_blank(rest.back()) ? trimmed(rest) : heading;
}

// How many # a line begins with, behind at most three blanks; 0: none, or too many for a heading.
size_t level_of(std::string_view line) {
  const size_t indent = line.find_first_not_of(' ');
  if (indent == line.npos || indent > 3) return 0;
  const size_t end = line.find_first_not_of('#', indent);
  const size_t level = std::min(end, line.size()) - indent;
  return level <= 6 ? level : 0;
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
    if (take_code(text) || take_heading(line, text)) return;
    if (in_section()) {
      take_paragraph(text);
    } else if (table_ && !for_docs_) {
      take_table(text);
    }
  }

  void end() {
    end_block();
    require(fence_.empty(), "{}:{}: the code that begins with {} has no end", words_.file_,
            fence_line_, fence_);
    require(!words_.title_.empty(), "{}:1: a page begins with its title, '# Subliminal learning'",
            words_.file_);
  }

 private:
  std::string here() const { return fmt::format("{}:{}", words_.file_, line_); }
  bool in_section() const { return !section_.empty() && !for_docs_; }

  // Whether a line is one of code, or begins or ends it.
  bool take_code(std::string_view text) {
    const std::string_view marks = fence_in(text);
    if (!fence_.empty()) {
      const bool ends =
          marks.size() >= fence_.size() && marks[0] == fence_[0] && marks.size() == text.size();
      if (ends) fence_.clear();
      return true;
    }
    if (marks.empty()) return false;
    require(!in_section(),
            "{}: code stands in the section {}; put it behind a ### heading, for the docs", here(),
            section_);
    end_block();
    fence_ = marks;
    fence_line_ = line_;
    return true;
  }

  bool take_heading(std::string_view line, std::string_view text) {
    const size_t level = level_of(line);
    if (level == 0) return false;
    std::string_view heading = text.substr(level);
    if (!heading.empty() && !is_blank(heading[0])) {
      const bool is_meant = std::isalpha(static_cast<unsigned char>(heading[0])) != 0;
      require(!is_meant, "{}: a blank is missing behind the # of a heading: '{} {}'", here(),
              text.substr(0, level), shown(heading));
      return false;
    }
    heading = without_closing(trimmed(heading));
    if (level > 2) {
      end_block();
      for_docs_ = true;
    } else if (level == 2) {
      begin(heading);
    } else {
      require(words_.title_.empty(), "{}: a second title; the first is '{}'", here(),
              words_.title_);
      words_.title_ = shown(heading);
      require(!words_.title_.empty(), "{}: a title without words", here());
    }
    return true;
  }

  std::string_view visible_in(std::string_view text) const {
    require(visible(text) == text, "{}: expected UTF-8 without control characters", here());
    return text;
  }

  // What is kept of a text: plain, and nothing that is obeyed.
  std::string shown(std::string_view text) const {
    std::string kept = plain_text(visible_in(trimmed(text)));
    std::ranges::replace(kept, '\t', ' ');
    return kept;
  }

  void begin(std::string_view heading) {
    end_block();
    section_.clear();
    table_.reset();
    for_docs_ = false;
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
    paragraph_ += paragraph_.empty() ? "" : " ";
    paragraph_ += visible_in(text);
  }

  void end_block() {
    end_paragraph();
    end_table();
  }

  void end_paragraph() {
    if (paragraph_.empty()) return;
    std::string& text = words_.sections_[section_];
    text += (text.empty() ? "" : "\n\n") + shown(paragraph_);
    paragraph_.clear();
  }

  void take_table(std::string_view text) {
    if (!text.starts_with('|')) return end_table();
    require(text.size() > 1 && text.ends_with('|') && !text.ends_with("\\|"),
            "{}: a row of a table ends with |", here());
    std::vector<std::string> cells = cells_of(text);
    ++rows_of_table_;
    if (rows_of_table_ == 1) {
      head_line_ = line_;
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

  void end_table() {
    require(rows_of_table_ != 1,
            "{}:{}: a row of {} stands without a head and |---| above it; an empty line ends a "
            "table",
            words_.file_, head_line_, table_ ? form().heading : "");
    rows_of_table_ = 0;
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
      for (const auto& [mark, what] : {std::pair{"$", "formula"}, {"![", "picture"}})
        require(cells[i].find(mark) == cells[i].npos, "{}: a {} in a table that is shown", here(),
                what);
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
  int64_t line_ = 0, fence_line_ = 0, head_line_ = 0;
  bool for_docs_ = false;
  std::string fence_, section_, paragraph_;  // fence_: what the code began with that has no end yet
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
