// The words of an experiment: NAME.md beside NAME.cpp, which `list`, the report and the docs read.
//
//   # Title
//   ## Question    and Source, Method, What it rests on, Controls, In large systems, Where it
//   should
//                  fail, Costs, Limits, How many seeds: paragraphs, as the report and `list` head
//                  them; what follows a ### heading is for the docs alone
//   ## Options     | `lr` | learning rate of Adam |
//   ## Conditions  | `fork-*` | Fork at * | children with another order | 0.53 |: label,
//   description
//                  and what the source published of the experiment's metric, which may be left out
//   ## Metrics     | `accuracy` | test accuracy |: label
//   ## Claims      | 1a | It needs the shared start: ... |
//   ## Figures     | `accuracy` | title | caption | x axis | y axis |: the last two may be left out
//   ## Presets     | quick | the full protocol on few models |
//
// Other headings are for the docs. The first cell of a row is the name in the code. A * in it
// stands for anything, and a * in the other cells for what it stood for; the first row that fits
// counts. {lr} in a cell is the value of an option in a run, or in a preset. Bold, code and links
// become plain text. An option's row counts before the help that its declaration gives, so that a
// group's options can be described as an experiment uses them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

enum class WordTable { options, conditions, metrics, claims, figures, presets };
inline constexpr size_t kWordTables = 6;

using WordValues = std::map<std::string, std::string>;  // of {name}, by name

class Words {
 public:
  Words() = default;  // no page: everything is called by its name
  // UserError with file and line for a heading that is nearly a known one or stands twice, a
  // section's text that is no paragraph (a table, a list, a formula, a picture), a table of another
  // form, a row that stands twice, alone or where it can never be met, code without an end, and a
  // published value that is no number.
  static Words parse(std::string_view page, const std::string& file);

  bool there() const { return !file_.empty(); }
  const std::string& file() const { return file_; }
  const std::string& title() const { return title_; }
  // Paragraphs of plain text with an empty line between; empty if there is no such section. Bug for
  // a heading that no section has.
  std::string section(std::string_view heading) const;

  // The cells of a name's row but the first, filled in; those that are left out are empty. Where
  // there is no page the name itself. UserError, with the nearest name and its line, where a page
  // has no such row, and for a {name} that has no value.
  std::vector<std::string> row(WordTable table, std::string_view name,
                               const WordValues& values = {}) const;
  bool has(WordTable table, std::string_view name) const { return find(table, name) != nullptr; }
  // What the source published of an arm.
  std::optional<double> published(std::string_view arm) const;
  // How many rows stand before a name's; arms are shown in this order. Of a name without a row: how
  // many there are.
  size_t place(WordTable table, std::string_view name) const;
  // First cells, as they stand there.
  std::vector<std::string> names(WordTable table) const;
  // With file and line, the rows that stand for none of these names.
  std::vector<std::string> unused(WordTable table, std::span<const std::string> names) const;

 private:
  friend class WordsParser;
  struct Row {
    int64_t line = 0;
    std::string name;
    std::vector<std::string> cells = {};  // but the first
  };
  const std::vector<Row>& rows(WordTable table) const {
    return tables_[static_cast<size_t>(table)];
  }
  const Row* find(WordTable table, std::string_view name) const;

  std::string file_, title_;
  std::map<std::string, std::string, std::less<>> sections_;
  std::array<std::vector<Row>, kWordTables> tables_;
};

}  // namespace omni
