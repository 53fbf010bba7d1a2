#include "text/tokenizer_files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"
#include "text/bpe_files.h"
#include "text/bpe_train.h"

namespace omni {
namespace {

const std::string kSpecials = "\"<|endoftext|>\"\n\"<|unknown|>\"\n";

TEST(TokenizerFiles, WordsReadBackAreTheSameTokenizer) {
  const WordTokenizer words({"One", " day", " \"", "\n", " größer", "\\"});
  const std::string file = word_file(words);
  EXPECT_EQ(file, kSpecials + "\"One\"\n\" day\"\n\" \\\"\"\n\"\\n\"\n\" größer\"\n\"\\\\\"\n");
  EXPECT_EQ(parse_words(file, "words.txt", words.size()).hash(), words.hash());
}

TEST(TokenizerFiles, AFolderHasEither) {
  const TestFolder folder;
  const BpeTokenizer pairs = train_bpe(std::vector<std::string>{"the hat, the cat"}, {.size = 262});
  const BpeFiles files = bpe_files(pairs);
  std::ofstream(folder.path() / "vocab.json") << files.vocab_json;
  std::ofstream(folder.path() / "merges.txt") << files.merges_txt;
  EXPECT_EQ(read_tokenizer(folder.path())->hash(), pairs.hash());
  const WordTokenizer words({"a"});
  std::ofstream(folder.path() / "words.txt") << word_file(words);
  EXPECT_EQ(read_tokenizer(folder.path(), 3)->hash(), words.hash());
}

TEST(TokenizerFiles, ErrorsNameFileAndLine) {
  const auto expect = [](const std::string& text, const std::string& part, int32_t size = 0) {
    try {
      parse_words(text, "words.txt", size);
      ADD_FAILURE() << "took " << text;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  expect("", "at least the tokens");
  expect("\"a\"\n", "words.txt:1: expected the token <|endoftext|>, found \"a\"");
  expect(kSpecials + "\"a\"\ntree\n", "words.txt:4: expected a token as a JSON string");
  expect(kSpecials + "7\n", "words.txt:3");
  expect(kSpecials + "\"a\"\n\n\"b\"\n", "words.txt:4");
  expect(kSpecials + "\"a\"\n\"a\"\n", "there twice");
  expect(kSpecials + "\"a\"\n", "expected 4 tokens, found 3", 4);
  expect("\"\xff\"", "not UTF-8");
  EXPECT_THROW(read_tokenizer("nowhere"), UserError);
}

}  // namespace
}  // namespace omni
