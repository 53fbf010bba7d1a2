// Multiple-choice questions, a JSON object per line.
#include "base/error.h"
#include "fuzz/target.h"
#include "text/choice_items.h"

namespace omni::fuzz {

// A line's JSON nodes, and the texts of all lines.
const MemoryBound kMemory{2 << 20, 300};

void read(std::string_view input) {
  for (const ChoiceItem& item : read_choice_items(file_with(input))) {
    check(item.answer >= 0 && item.answer < std::ssize(item.choices), "answer {} of {} choices",
          item.answer, item.choices.size());
    const std::string prompt = lettered_prompt(item), last = answer_letter(item.answer);
    check(prompt.find(fmt::format("\n{}. {}\n", last.substr(1), item.choices[item.answer])) !=
              std::string::npos,
          "the prompt lacks the right answer:\n{}", prompt);
  }
}

}  // namespace omni::fuzz
