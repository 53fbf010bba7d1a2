#include "text/word_tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/char_tokenizer.h"

namespace omni {
namespace {

const std::vector<std::string> kTexts = {"The fox ran. The fox sat.", "The owl sat."};

TEST(WordTokenizer, KeepsTheCommonestWordsWithTheirSpaces) {
  const WordTokenizer tokenizer = WordTokenizer::train(kTexts, 6);
  EXPECT_EQ(tokenizer.size(), 6);
  // Counts: "." 3, " fox" 2, "The" 2, " sat" 2; of equals the first in byte order.
  EXPECT_EQ(tokenizer.vocabulary().texts(),
            (std::vector<std::string>{"<|endoftext|>", "<|unknown|>", ".", " fox", " sat", "The"}));
  EXPECT_EQ(tokenizer.encode("The fox ran."),
            (std::vector{tokenizer.id_of("The"), tokenizer.id_of(" fox"), tokenizer.unknown(), 2}));
}

TEST(WordTokenizer, WhatIsKnownDecodesToItself) {
  const WordTokenizer tokenizer = WordTokenizer::train(kTexts, 100);
  EXPECT_LT(tokenizer.size(), 20);
  for (const std::string& text : kTexts) EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  EXPECT_EQ(tokenizer.encode("<|unknown|>")[0], tokenizer.unknown());
  EXPECT_EQ(tokenizer.end_of_text(), 0);
}

TEST(WordTokenizer, ErrorsNameNearTokens) {
  const WordTokenizer tokenizer = WordTokenizer::train(kTexts, 100);
  try {
    tokenizer.id_of("foxx");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("\" fox\""), std::string::npos) << error.what();
  }
  EXPECT_FALSE(tokenizer.find("foxx"));
  EXPECT_THROW(tokenizer.text_of(tokenizer.size()), UserError);
  EXPECT_THROW(tokenizer.text_of(-1), UserError);
  EXPECT_THROW(WordTokenizer::train(kTexts, 2), UserError);
  EXPECT_THROW(WordTokenizer::train(std::vector<std::string>{}, 9), UserError);
  EXPECT_THROW(WordTokenizer({"a", "a"}), UserError);
  EXPECT_THROW(tokenizer.encode("The \xff"), UserError);
}

TEST(WordTokenizer, TheHashSeesEveryTokenAndTheKind) {
  const std::string hash = WordTokenizer({"a", "b"}).hash();
  EXPECT_EQ(hash, WordTokenizer({"a", "b"}).hash());
  EXPECT_NE(hash, WordTokenizer({"b", "a"}).hash());
  EXPECT_NE(WordTokenizer({"ab", "c"}).hash(), WordTokenizer({"a", "bc"}).hash());
  EXPECT_NE(hash, CharTokenizer("ab").hash());
}

}  // namespace
}  // namespace omni
