#include "text/tokenizer_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/test_folder.h"
#include "text/bpe_files.h"
#include "text/bpe_train.h"
#include "text/lines.h"

namespace omni {
namespace {

const std::string kSpecials = "\"<|endoftext|>\"\n\"<|unknown|>\"\n";

TEST(TokenizerFiles, WordsReadBackAreTheSameTokenizer) {
  const WordTokenizer words({"One", " day", " \"", "\n", " größer", "\\"});
  const std::string file = word_file(words);
  EXPECT_EQ(file, kSpecials + "\"One\"\n\" day\"\n\" \\\"\"\n\"\\n\"\n\" größer\"\n\"\\\\\"\n");
  EXPECT_EQ(parse_words(file, "words.txt", words.size()).hash(), words.hash());
}

const BpeTokenizer& pairs() {
  static const BpeTokenizer tokenizer =
      train_bpe(std::vector<std::string>{"the hat, the cat"}, {.size = 262});
  return tokenizer;
}

TokenizerTexts two_files() {
  const BpeFiles files = bpe_files(pairs());
  return {{kVocabulary, files.vocab_json}, {kMerges, files.merges_txt}};
}

// vocab.json and merges.txt with another file beside them.
TokenizerTexts with(const char* name, const std::string& text) {
  TokenizerTexts texts = two_files();
  texts[name] = text;
  return texts;
}

void expect_refusal(const TokenizerTexts& texts, const std::string& part, int32_t size = 0) {
  try {
    parse_tokenizer(texts, "folder", size);
    ADD_FAILURE() << "taken, not refused with " << part;
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(TokenizerFiles, AFolderHasEither) {
  const TestFolder folder;
  for (const auto& [name, text] : with(kModelConfig, R"({"model_type": "gpt2"})"))
    std::ofstream(folder.path() / name) << text;
  EXPECT_EQ(tokenizer_files(folder.path()),
            (std::vector<std::string>{kVocabulary, kMerges, kModelConfig}));
  EXPECT_EQ(read_tokenizer(folder.path())->hash(), pairs().hash());
  const std::string json =
      read_text(std::string(OMNI_SOURCE_DIR) + "/tests/tokenizer_reference.json");
  std::ofstream(folder.path() / kTokenizerJson)
      << nlohmann::json::parse(json)["kinds"][0]["tokenizer"].dump();
  EXPECT_EQ(tokenizer_files(folder.path()), (std::vector<std::string>{kTokenizerJson}));
  EXPECT_NE(read_tokenizer(folder.path())->hash(), pairs().hash());
  const WordTokenizer words({"a"});
  std::ofstream(folder.path() / kWords) << word_file(words);
  EXPECT_EQ(tokenizer_files(folder.path()), (std::vector<std::string>{kWords}));
  EXPECT_EQ(read_tokenizer(folder.path(), 3)->hash(), words.hash());
}

TEST(TokenizerFiles, TheRulesComeFromTheFolder) {
  const auto pieces = [](const char* name, const std::string& text, std::string_view wanted) {
    const std::unique_ptr<Tokenizer> tokenizer = parse_tokenizer(with(name, text), "folder");
    const auto& rules = dynamic_cast<const BpeTokenizer&>(*tokenizer).bpe_rules();
    ASSERT_EQ(rules.cuts.size(), 1U);
    EXPECT_EQ(fmt::format("{}{}", name_of(rules.cuts[0]), rules.composed ? ", composed" : ""),
              wanted)
        << text;
  };
  for (const char* type : {"gpt2", "gpt_neo"})
    pieces(kModelConfig, fmt::format(R"({{"model_type": "{}"}})", type), "gpt2");
  pieces(kModelConfig, R"({"model_type": "qwen2"})", "qwen2, composed");
  pieces(kModelConfig, R"({"model_type": "gpt_neox"})", "gpt2, composed");
  for (const char* fast : {"", "Fast"}) {
    const auto named = [&](const char* name) {
      return fmt::format(R"({{"tokenizer_class": "{}Tokenizer{}"}})", name, fast);
    };
    pieces(kTokenizerConfig, named("GPT2"), "gpt2");
    pieces(kTokenizerConfig, named("Qwen2"), "qwen2, composed");
    pieces(kTokenizerConfig, named("GPTNeoX"), "gpt2, composed");
  }
  TokenizerTexts both = with(kModelConfig, R"({"model_type": "qwen2"})");
  both[kTokenizerConfig] = R"({"tokenizer_class": "GPT2Tokenizer"})";
  EXPECT_EQ(parse_tokenizer(both, "folder")->hash(), pairs().hash());
}

TEST(TokenizerFiles, RulesAreNeverGuessed) {
  expect_refusal(two_files(), "folder: vocab.json and merges.txt do not say by which rules");
  expect_refusal(with(kModelConfig, R"({"model_type": "gpt9"})"),
                 "folder/config.json: \"model_type\" is \"gpt9\", whose rules of cutting text are "
                 "not known without a tokenizer.json; known are gpt2, gpt_neo, gpt_neox, qwen2");
  TokenizerTexts texts = with(kModelConfig, R"({"model_type": "gpt2"})");
  texts[kTokenizerConfig] = R"({"tokenizer_class": "PreTrainedTokenizerFast"})";
  expect_refusal(texts, "folder/tokenizer_config.json: \"tokenizer_class\" is \"PreTrained");
  texts[kTokenizerConfig] = R"({"tokenizer_class": 3})";
  expect_refusal(texts, "\"tokenizer_class\" is 3, expected a text");
  texts[kTokenizerConfig] = R"({"add_prefix_space": true})";
  expect_refusal(texts, "\"add_prefix_space\" is true, which is not supported");
  texts[kTokenizerConfig] = R"({"add_bos_token": true})";
  expect_refusal(texts, "\"add_bos_token\" is true");
  texts[kTokenizerConfig] = "[]";
  expect_refusal(texts, "tokenizer_config.json: expected a JSON object");
}

TEST(TokenizerFiles, TokensAreAddedByTheConfiguration) {
  const auto added = [](const std::string& entries) {
    return with(kTokenizerConfig, fmt::format(R"({{"tokenizer_class": "GPT2Tokenizer",
                                                  "added_tokens_decoder": {{{}}}}})",
                                              entries));
  };
  const int32_t next = pairs().size();
  TokenizerTexts texts = added(
      fmt::format(R"("{}": {{"content": "<x>", "special": true}}, "{}": {{"content": "<y>"}})",
                  next, next + 1));
  const auto tokenizer = parse_tokenizer(texts, "folder");
  EXPECT_EQ(tokenizer->size(), next + 2);
  EXPECT_EQ(tokenizer->encode("<y>"), std::vector{next + 1});
  EXPECT_EQ(tokenizer->encode("<x>").size(), 3U);
  EXPECT_EQ(tokenizer->decode(std::vector{next, next + 1}), "<x><y>");
  texts[kAddedTokens] = fmt::format(R"({{"<x>": {}}})", next);
  EXPECT_EQ(parse_tokenizer(texts, "folder")->hash(), tokenizer->hash());
  texts[kAddedTokens] = R"({"<z>": 5})";
  expect_refusal(texts, "added_tokens.json: \"<z>\" is 5, but");
  expect_refusal(added(R"("seven": {"content": "<x>"})"), "\"seven\" is no id");
  expect_refusal(added(R"("7": {"content": "<x>"})"), "both have the id 7");
  expect_refusal(added(R"("7": {})"), "expected an object with the token's \"content\"");
}

TEST(TokenizerFiles, AnEmbeddingMayHaveMoreRowsThanThereAreTokens) {
  const TokenizerTexts texts = with(kModelConfig, R"({"model_type": "gpt2"})");
  EXPECT_EQ(parse_tokenizer(texts, "folder", pairs().size() + 50)->size(), pairs().size());
  expect_refusal(texts,
                 fmt::format("its tokenizer has {} tokens, but config.json gives the model a "
                             "\"vocab_size\" of 200",
                             pairs().size()),
                 200);
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
