#include "text/bpe_files.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/bpe_train.h"

namespace omni {
namespace {

const BpeTokenizer& small() {
  static const BpeTokenizer tokenizer = train_bpe(
      std::vector<std::string>{"the cat \"sat\" \\ the café, the cat\n", "the hat"}, {.size = 270});
  return tokenizer;
}

std::string error_of(const BpeFiles& files) {
  try {
    parse_bpe(files, "vocab.json", "merges.txt");
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(BpeFiles, ReadBackTheyAreTheSameTokenizer) {
  const BpeFiles files = bpe_files(small());
  EXPECT_TRUE(files.merges_txt.starts_with("#version: 0.2\n"));
  EXPECT_NE(files.merges_txt.find("\nĠ c\n"), std::string::npos) << files.merges_txt;
  EXPECT_NE(files.vocab_json.find("\"Ġc\": "), std::string::npos);
  const BpeTokenizer read = parse_bpe(files, "vocab.json", "merges.txt");
  EXPECT_EQ(read.hash(), small().hash());
  EXPECT_EQ(read.encode("the café \"\\"), small().encode("the café \"\\"));
}

TEST(BpeFiles, SayWhatIsWrongAndWhere) {
  const BpeFiles good = bpe_files(small());
  const auto expect = [](const std::string& error, const std::string& part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  expect(error_of({good.vocab_json.substr(0, good.vocab_json.size() / 2), good.merges_txt}),
         "vocab.json:");
  expect(error_of({good.vocab_json.substr(0, good.vocab_json.size() / 2), good.merges_txt}),
         "not JSON");
  expect(error_of({"{\"a\": 0,\n\"b\" 1}", good.merges_txt}), "vocab.json:2: not JSON");
  expect(error_of({"[1]", good.merges_txt}), "expected an object");
  expect(error_of({"{\"a\": 0, \"b\": 0}", good.merges_txt}), "both have the id 0");
  expect(error_of({"{\"a\": 0, \"b\": 7}", good.merges_txt}), "expected ids from 0 to 1");
  expect(error_of({"{\"a\": 0, \"日\": 1}", good.merges_txt}), "stands for no byte");
  expect(error_of({"{\"a\": 0}", good.merges_txt}), "no token <|endoftext|>");
  expect(error_of({"{\"a\": 0, \"<|endoftext|>\": 1}", good.merges_txt}), "for the byte 0x");
  expect(error_of({good.vocab_json, good.merges_txt + "q q\n"}), "\"qq\" is not in the vocabulary");
  expect(error_of({good.vocab_json, replaced(good.merges_txt, "\nĠ c\n", "\nĠ c x\n")}),
         "expected two tokens");
  expect(error_of({good.vocab_json, "#version: 0.2\nth\n"}), "merges.txt:2: expected two tokens");
  expect(error_of({good.vocab_json + "\xff", good.merges_txt}), "not UTF-8 at byte");
}

}  // namespace
}  // namespace omni
