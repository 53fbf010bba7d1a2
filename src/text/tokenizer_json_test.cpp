// Vocabularies and rules from tokenizer.json: against the published library, and every member that
// is refused.
#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/lines.h"
#include "text/unicode.h"

namespace omni {
namespace {

using nlohmann::json;

// What tools/tokenizer_reference.py wrote.
const json& reference() {
  static const auto parsed =
      json::parse(read_text(std::string(OMNI_SOURCE_DIR) + "/tests/tokenizer_reference.json"));
  return parsed;
}

const json& kind(const std::string& name) {
  for (const json& k : reference()["kinds"])
    if (k["name"] == name) return k["tokenizer"];
  throw Bug("no kind " + name);
}

TEST(TokenizerJson, EncodesLikeThePublishedLibrary) {
  const auto texts = reference()["texts"].get<std::vector<std::string>>();
  ASSERT_GT(texts.size(), 200U);
  ASSERT_EQ(reference()["kinds"].size(), 8U);
  for (const json& k : reference()["kinds"]) {
    const BpeTokenizer tokenizer = parse_tokenizer_json(k["tokenizer"].dump(), "tokenizer.json");
    const bool eats = k["name"] == "qwen2 with flags";  // white space beside a token
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<int32_t> ids = tokenizer.encode(texts[i]);
      EXPECT_EQ(ids, k["ids"][i].get<std::vector<int32_t>>()) << k["name"] << ": " << texts[i];
      const std::string& wanted = tokenizer.bpe_rules().composed ? composed(texts[i]) : texts[i];
      if (eats) continue;
      EXPECT_EQ(tokenizer.decode(ids), wanted) << k["name"] << ": " << texts[i];
    }
  }
}

TEST(TokenizerJson, TheRulesAreOfTheHash) {
  std::vector<std::string> hashes;
  for (const char* name : {"gpt2", "qwen2", "digits", "runs of digits", "gpt_neox"})
    hashes.push_back(parse_tokenizer_json(kind(name).dump(), "").hash());
  for (size_t i = 0; i < hashes.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(hashes[i], hashes[j]) << i << " " << j;
  json changed = kind("gpt2");
  changed["normalizer"] = {{"type", "NFC"}};
  EXPECT_NE(parse_tokenizer_json(changed.dump(), "").hash(), hashes[0]);
}

TEST(TokenizerJson, MergesAreTextsOrPairs) {
  json texts = kind("qwen2");
  for (json& merge : texts["model"]["merges"])
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  EXPECT_EQ(parse_tokenizer_json(texts.dump(), "").hash(),
            parse_tokenizer_json(kind("qwen2").dump(), "").hash());
}

std::string refusal(const std::function<void(json&)>& change) {
  json tokenizer = kind("qwen2");
  change(tokenizer);
  try {
    parse_tokenizer_json(tokenizer.dump(), "tokenizer.json");
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

void expect_refusal(const std::string& part, const std::string& pointer, const json& value) {
  const std::string said = refusal([&](json& j) { j[json::json_pointer(pointer)] = value; });
  EXPECT_NE(said.find(part), std::string::npos) << "'" << said << "' lacks '" << part << "'";
}

TEST(TokenizerJson, SaysWhatItDoesNotSupport) {
  expect_refusal("tokenizer.json: normalizer: the type \"NFKC\" is not supported; known are NFC",
                 "/normalizer/type", "NFKC");
  expect_refusal("pre_tokenizer: there is none", "/pre_tokenizer", nullptr);
  expect_refusal("the type \"Metaspace\" is not supported; known are ByteLevel, Split, Digits",
                 "/pre_tokenizer", {{"type", "Metaspace"}});
  expect_refusal("there is no ByteLevel in it", "/pre_tokenizer",
                 {{"type", "Digits"}, {"individual_digits", true}});
  expect_refusal(
      "pre_tokenizer.pretokenizers[0].pattern: {\"Regex\":\"\\\\w+\"} is none of the known",
      "/pre_tokenizer/pretokenizers/0/pattern/Regex", "\\w+");
  expect_refusal("a behavior of \"MergedWithNext\"", "/pre_tokenizer/pretokenizers/0/behavior",
                 "MergedWithNext");
  expect_refusal("add_prefix_space is true, which is not supported",
                 "/pre_tokenizer/pretokenizers/1/add_prefix_space", true);
  expect_refusal("what stands behind ByteLevel", "/pre_tokenizer/pretokenizers/0",
                 {{"type", "ByteLevel"}, {"add_prefix_space", false}});
  expect_refusal("post_processor.single[0]: a special token that is put beside every text",
                 "/post_processor", json::parse(R"({"type": "TemplateProcessing", "single":
                                 [{"SpecialToken": {"id": "<s>", "type_id": 0}}]})"));
  expect_refusal("the type \"BertProcessing\"", "/post_processor", {{"type", "BertProcessing"}});
  expect_refusal("decoder: the type \"Metaspace\"", "/decoder", {{"type", "Metaspace"}});
  expect_refusal("model.type is \"Unigram\", expected \"BPE\"", "/model/type", "Unigram");
  expect_refusal("model.byte_fallback is true", "/model/byte_fallback", true);
  expect_refusal("model.dropout is 0.1", "/model/dropout", 0.1);
  expect_refusal("model.end_of_word_suffix is \"</w>\"", "/model/end_of_word_suffix", "</w>");
  expect_refusal("model.merges: number 1: \"qqqq\" is not in the vocabulary", "/model/merges/0",
                 {"qq", "qq"});
  expect_refusal("model.merges: number 1: expected two tokens", "/model/merges/0", "a b c");
  expect_refusal("expected an id, found -1", "/added_tokens/0/id", -1);
  expect_refusal("both have the id 0", "/added_tokens/0/id", 0);
  expect_refusal("expected ids from 0 to 343", "/added_tokens/3/id", 999);
  expect_refusal("\"single_word\" of \"<tool>\" is true", "/added_tokens/3/single_word", true);
  expect_refusal("there is no token <|endoftext|>", "/added_tokens/0/content", "<s>");
  expect_refusal("expected an object {\"token\": id}", "/model/vocab", json::array());
  EXPECT_NE(refusal([](json& j) { j = json::array(); }).find("expected a JSON object"),
            std::string::npos);
  EXPECT_THROW(parse_tokenizer_json("{", ""), UserError);
  EXPECT_EQ(refusal([](json&) {}), "no error");
}

}  // namespace
}  // namespace omni
