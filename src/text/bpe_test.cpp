#include "text/bpe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.h"
#include "text/bpe_files.h"
#include "text/bpe_train.h"
#include "text/byte_letters.h"
#include "text/lines.h"
#include "text/pieces.h"

namespace omni {
namespace {

// What tools/bpe_reference.mjs wrote with another library.
const nlohmann::json& reference() {
  static const auto json =
      nlohmann::json::parse(read_text(std::string(OMNI_SOURCE_DIR) + "/tests/bpe_reference.json"));
  return json;
}

std::vector<std::string> merge_letters(const BpeTokenizer& tokenizer) {
  std::vector<std::string> lines;
  for (const Merge& m : tokenizer.merges())
    lines.push_back(letters_of(tokenizer.text_of(m.left)) + " " +
                    letters_of(tokenizer.text_of(m.right)));
  return lines;
}

BpeTokenizer train_on_reference(int32_t size) {
  const auto lines = reference()["lines"].get<std::vector<std::string>>();
  return train_bpe(lines, {.size = size, .least_count = 1});
}

TEST(Bpe, LearnsTheMergesOfTheReference) {
  const BpeTokenizer tokenizer = train_on_reference(30000);
  EXPECT_EQ(merge_letters(tokenizer), reference()["merges"].get<std::vector<std::string>>());
}

TEST(Bpe, EncodesLikeTheReference) {
  const BpeTokenizer tokenizer = train_on_reference(257 + reference()["kept"].get<int>());
  EXPECT_EQ(tokenizer.text_of(tokenizer.size() - 1), kEndOfText);
  ASSERT_GT(reference()["cases"].size(), 70U);
  for (const auto& wanted : reference()["cases"]) {
    const auto text = wanted["text"].get<std::string>();
    std::vector<std::string> pieces;
    for (const std::string_view piece : pieces_of(text)) pieces.push_back(letters_of(piece));
    EXPECT_EQ(pieces, wanted["pieces"].get<std::vector<std::string>>()) << wanted["text"];
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(ids, wanted["ids"].get<std::vector<int32_t>>()) << wanted["text"];
    EXPECT_EQ(tokenizer.decode(ids), text) << wanted["text"];
  }
}

TEST(Bpe, SpecialTokensAreNeverReadFromText) {
  const BpeTokenizer tokenizer = train_on_reference(300);
  const std::vector<int32_t> ids = tokenizer.encode("<|endoftext|>");
  EXPECT_GT(ids.size(), 1U);
  EXPECT_EQ(tokenizer.decode(ids), "<|endoftext|>");
  EXPECT_EQ(tokenizer.decode(std::vector{tokenizer.end_of_text()}), "<|endoftext|>");
}

TEST(Bpe, MergesInTheirOrderEvenWhereATokenOfThePieceExists) {
  std::vector<std::string> texts;
  for (const uint8_t byte : bytes_in_letter_order()) texts.emplace_back(1, static_cast<char>(byte));
  const auto id = [&](std::string_view text) {
    return static_cast<int32_t>(std::find(texts.begin(), texts.end(), text) - texts.begin());
  };
  for (const char* more : {"bc", "ab", "abc"}) texts.push_back(more);
  texts.emplace_back(kEndOfText);
  // "bc" is stronger than "ab", so "abc" is never reached from its bytes.
  const std::vector<Merge> merges = {{id("b"), id("c")}, {id("a"), id("b")}, {id("ab"), id("c")}};
  const BpeTokenizer tokenizer(Vocabulary(texts, {std::string(kEndOfText)}), merges);
  EXPECT_EQ(tokenizer.encode("abc"), (std::vector{id("a"), id("bc")}));
  EXPECT_EQ(tokenizer.encode("abab"), (std::vector{id("ab"), id("ab")}));
}

TEST(Bpe, ALongPieceTakesNoSquareOfTime) {  // which would be hours
  const BpeTokenizer tokenizer =
      train_bpe(std::vector<std::string>{"aaaa aaaa aaaaaaaa"}, {.size = 270});
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(Bpe, TrainingDoesNotDependOnTheOrderOfTexts) {
  auto lines = reference()["lines"].get<std::vector<std::string>>();
  const std::string hash = train_bpe(lines, {.size = 400}).hash();
  std::reverse(lines.begin(), lines.end());
  EXPECT_EQ(train_bpe(lines, {.size = 400}).hash(), hash);
  EXPECT_NE(train_bpe(lines, {.size = 401}).hash(), hash);
}

TEST(Bpe, TrainingReportsAndRefuses) {
  const std::vector<std::string> lines = reference()["lines"];
  int64_t done = 0, total = 0;
  train_bpe(lines, {.size = 400, .progress = [&](int64_t d, int64_t t) { done = d, total = t; }});
  EXPECT_EQ(done, 143);
  EXPECT_EQ(total, 143);
  EXPECT_THROW(train_bpe(lines, {.size = 256}), UserError);
  EXPECT_THROW(train_bpe(std::vector<std::string>{""}, {}), UserError);
  EXPECT_THROW(train_bpe(std::vector<std::string>{"a\xff"}, {}), UserError);
  EXPECT_EQ(train_bpe(std::vector<std::string>{"ab"}, {}).size(), 257) << "a pair seen once";
}

}  // namespace
}  // namespace omni
