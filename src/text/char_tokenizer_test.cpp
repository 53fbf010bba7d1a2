#include "text/char_tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

TEST(CharTokenizer, ATokenPerCharacter) {
  const CharTokenizer tokenizer("01+=é");
  EXPECT_EQ(tokenizer.size(), 6);
  EXPECT_EQ(tokenizer.encode("1+é="), (std::vector<int32_t>{2, 3, 5, 4}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("1+é=10")), "1+é=10");
  EXPECT_EQ(tokenizer.end_of_text(), 0);
}

TEST(CharTokenizer, RefusesWhatIsNotInTheAlphabet) {
  const CharTokenizer tokenizer("01+=é");
  try {
    tokenizer.encode("é+2");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "byte 3: \"2\" is not in the alphabet of 5 characters");
  }
  EXPECT_THROW(tokenizer.encode("\xff"), UserError);
  EXPECT_THROW(CharTokenizer(""), UserError);
  EXPECT_THROW(CharTokenizer("aba"), UserError);
  EXPECT_THROW(CharTokenizer("a\xff"), UserError);
}

}  // namespace
}  // namespace omni
