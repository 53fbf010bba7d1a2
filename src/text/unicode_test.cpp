#include "text/unicode.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

TEST(Unicode, ClassesAreThoseOfTheRegularExpressions) {
  for (const char32_t c : {U'a', U'Z', U'é', U'ß', U'ª', U'日', U'ا', U'한'})
    EXPECT_EQ(class_of(c), CharacterClass::letter) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'0', U'²', U'½', U'Ⅷ', U'٣', U'〇'})
    EXPECT_EQ(class_of(c), CharacterClass::number) << static_cast<uint32_t>(c);
  for (const char32_t c : {U' ', U'\n', U'\t', U'\v', U'\u0085', U'\u00a0', U'\u2009', U'\u3000'})
    EXPECT_EQ(class_of(c), CharacterClass::space) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'.', U'_', U'\x1c', U'\u200b', U'\u0301', U'🎉', U'\U0010ffff'})
    EXPECT_EQ(class_of(c), CharacterClass::other) << static_cast<uint32_t>(c);
}

TEST(Unicode, NamesTheFirstBadByte) {
  for (const auto& [text, byte] : {std::pair{"ab\xff", 2}, {"\xc3", 0}, {"x\xe6\x97", 1},
                                   {"\xc0\x80", 0}, {"é\xed\xa0\x80", 2}}) {
    try {
      require_utf8(text, "story.txt");
      ADD_FAILURE() << "took " << text;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("story.txt: not UTF-8 at byte " +
                                               std::to_string(byte) + " "),
                std::string::npos) << error.what();
    }
  }
  EXPECT_NO_THROW(require_utf8("plain, é, 日本, 🎉", "x"));
}

TEST(Unicode, CountsAndCutsCharactersNotBytes) {
  EXPECT_EQ(character_count("é日🎉."), 4);
  EXPECT_EQ(first_characters("é日🎉.", 2), "é日");
  EXPECT_EQ(first_characters("é日", 2), "é日");
  EXPECT_EQ(first_characters("é日", 9), "é日");
  EXPECT_EQ(first_characters("é日", 0), "");
}

TEST(Unicode, LowerCase) { EXPECT_EQ(lower_case("ABC Éé ΩM"), "abc éé ωm"); }

}  // namespace
}  // namespace omni
