#include "text/pieces.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

using Pieces = std::vector<std::string_view>;

// Texts at the edges of the rule are compared with a reference in bpe_test.cpp.
TEST(Pieces, WordsCarryTheirLeadingSpace) {
  EXPECT_EQ(pieces_of("Tom's tree. It's 42 m"),
            (Pieces{"Tom", "'s", " tree", ".", " It", "'s", " 42", " m"}));
}

TEST(Pieces, WhiteSpaceLeavesItsLastCharacterToWhatFollows) {
  EXPECT_EQ(pieces_of("a   b"), (Pieces{"a", "  ", " b"}));
  EXPECT_EQ(pieces_of("a\n\nb"), (Pieces{"a", "\n", "\n", "b"}));
  EXPECT_EQ(pieces_of("a  "), (Pieces{"a", "  "}));
  EXPECT_EQ(pieces_of(""), Pieces{});
}

TEST(Pieces, JoinedTheyAreTheText) {
  const std::string text = "\tÉlodie said:  \"I've 3 cats\"\u00a0\n\n -- and  日本語 ";
  std::string joined;
  for (const std::string_view piece : pieces_of(text)) joined += piece;
  EXPECT_EQ(joined, text);
}

TEST(Pieces, RefusesWhatIsNotUtf8) { EXPECT_THROW(pieces_of("ab \xff"), UserError); }

}  // namespace
}  // namespace omni
