// Multiple-choice questions, one JSON object per line:
//     {"question": "...", "choices": ["...", "...", "...", "..."], "answer": 2}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

struct ChoiceItem {
  std::string question;
  std::vector<std::string> choices;  // 2 to 26
  int32_t answer = 0;                // index of the right one
};

// Empty lines are skipped, other members are ignored. UserError with file and line: not UTF-8, not
// JSON, a member that is missing or of another type, fewer than 2 or more than 26 choices, an
// answer that is none of them, a file without items.
std::vector<ChoiceItem> read_choice_items(const std::filesystem::path& path);
std::vector<ChoiceItem> parse_choice_items(std::string_view text, std::string_view name);

// The prompt of the usual evaluation (EleutherAI's lm-evaluation-harness, doc_to_text of
// tasks/mmlu/default and tasks/wmdp: "{{question.strip()}}\nA. {{choices[0]}}\n ... Answer:"): the
// question without white space around it, a line "A. ..." per choice as it stands, "Answer:". The
// answer is the letter, with a space before it, of largest probability.
std::string lettered_prompt(const ChoiceItem& item);
std::string answer_letter(int32_t choice);  // " A" for 0

}  // namespace omni
