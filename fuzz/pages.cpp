// Pages of experiments: their title, sections and tables.
#include "base/error.h"
#include "base/star.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "lab/words.h"

namespace omni::fuzz {

// A row of a few bytes becomes a name, its cells, and where it stands.
const MemoryBound kMemory{1 << 20, 400};

void read(std::string_view input) {
  const Words words = Words::parse(input, "page.md");
  check(words.there() && !words.title().empty(), "a page without a title");
  for (const char* heading : {"Question", "Source", "Costs", "How many seeds"}) {
    const std::string text = words.section(heading);
    check(visible(text) == text, "text that is obeyed: {}", text);
  }
  for (const WordTable table : {WordTable::options, WordTable::conditions, WordTable::metrics,
                                WordTable::claims, WordTable::figures, WordTable::presets}) {
    const std::vector<std::string> names = words.names(table);
    for (size_t i = 0; i < names.size(); ++i) {
      check(words.has(table, names[i]), "a row that is not found: {}", names[i]);
      check(words.place(table, names[i]) == i, "a row that is never met: {}", names[i]);
    }
    check(words.unused(table, names).empty(), "a row that stands for nothing: its own name");
    if (names.empty()) continue;
    words.published(names.front());
    words.row(table, names.front(), {{"lr", "0.1"}});  // other values are missing: a UserError
  }
}

}  // namespace omni::fuzz
