#include "text/choice_items.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

constexpr const char* kGood =
    R"({"question": "Which is a tree?", "choices": ["oak", "fox"], "answer": 0, "id": 7})"
    "\n\n"
    R"({"question": "Größe?", "choices": ["a", "b", "c", "d"], "answer": 3})";

TEST(ChoiceItems, ReadsEveryLine) {
  const std::vector<ChoiceItem> items = parse_choice_items(kGood, "x.jsonl");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].choices, (std::vector<std::string>{"oak", "fox"}));
  EXPECT_EQ(items[1].question, "Größe?");
  EXPECT_EQ(items[1].answer, 3);
  EXPECT_EQ(lettered_prompt(items[0]), "Which is a tree?\nA. oak\nB. fox\nAnswer:");
  EXPECT_EQ(answer_letter(1), " B");
}

// As Jinja's question.strip() and choices[0] in lm-evaluation-harness's templates.
TEST(ChoiceItems, StandardPromptsStripTheQuestionAlone) {
  const ChoiceItem item{"\u3000\t Which one?\x1f\u00a0 \r\n", {" a ", "b\n"}, 0};
  EXPECT_EQ(lettered_prompt(item), "Which one?\nA.  a \nB. b\n\nAnswer:");
  EXPECT_EQ(lettered_prompt({" \n", {"a", "b"}, 0}), "\nA. a\nB. b\nAnswer:");
}

TEST(ChoiceItems, ErrorsNameFileLineAndWhatWasExpected) {
  const auto expect = [](const std::string& line, const std::string& part) {
    try {
      parse_choice_items(std::string(kGood) + "\n" + line, "x.jsonl");
      ADD_FAILURE() << "took " << line;
    } catch (const UserError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("x.jsonl:4"), std::string::npos) << what;
      EXPECT_NE(what.find(part), std::string::npos) << what;
    }
  };
  expect(R"({"question": "a")", "one JSON object per line");
  expect("[1]", "expected a JSON object, found array");
  expect(R"({"choices": ["a", "b"], "answer": 0})", "\"question\" is missing");
  expect(R"({"question": 3, "choices": ["a", "b"], "answer": 0})", "to be a text, found 3");
  expect(R"({"question": "a", "choices": ["a"], "answer": 0})", "2 to 26 texts, found 1");
  expect(R"({"question": "a", "choices": ["a", 2], "answer": 0})", "a choice to be a text");
  expect(R"({"question": "a", "choices": ["a", "b"], "answer": 2})", "from 0 to 1");
  expect(R"({"question": "a", "choices": ["a", "b"], "answer": "A"})", "found \"A\"");
  expect("{\"question\": " + std::string(100000, '['), "nest more than 64 deep");
  EXPECT_THROW(parse_choice_items(" \n", "x.jsonl"), UserError);
  EXPECT_THROW(parse_choice_items("\xff", "x.jsonl"), UserError);
  EXPECT_THROW(read_choice_items("nowhere.jsonl"), UserError);
}

}  // namespace
}  // namespace omni
