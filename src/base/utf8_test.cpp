#include "base/utf8.h"

#include <gtest/gtest.h>

namespace omni {
namespace {

// Each as Python's bytes.decode("utf-8", errors="replace").
TEST(Utf8, BytesThatFormNoCharacterAreReplaced) {
  const std::string r(kReplacement);
  EXPECT_EQ(valid_utf8("plain é 中 \xf0\x9f\x98\x80"), "plain é 中 \xf0\x9f\x98\x80");
  EXPECT_EQ(valid_utf8("a\xffz"), "a" + r + "z");
  EXPECT_EQ(valid_utf8("caf\xc3"), "caf" + r) << "cut after one byte of two";
  EXPECT_EQ(valid_utf8("\xe4\xb8 x"), r + " x") << "two bytes of three are one";
  EXPECT_EQ(valid_utf8("\xf0\x9f\x98x"), r + "x") << "three bytes of four are one";
  EXPECT_EQ(valid_utf8("\xc0\x80"), r + r) << "no byte of a long form begins a character";
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), r + r + r) << "a surrogate";
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), r + r + r + r) << "beyond Unicode";
  EXPECT_EQ(valid_utf8("\xa9\xc3\xa9"), r + "é") << "the end of a character, then a whole one";
  EXPECT_EQ(valid_utf8(""), "");
  EXPECT_TRUE(is_utf8("é\n"));
  EXPECT_FALSE(is_utf8("\xc3"));
}

TEST(Utf8, TerminalsAreToldNothing) {
  EXPECT_EQ(visible("plain é\n\ttext\n"), "plain é\n\ttext\n");
  EXPECT_EQ(visible("\x1b[2Jgone\r\a\x7f"), "\\u001b[2Jgone\\u000d\\u0007\\u007f");
  EXPECT_EQ(visible(std::string_view("a\0b", 3)), "a\\u0000b");
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m"),
            "\\u009b31m")
      << "an eight-bit control sequence";
  EXPECT_EQ(visible("\xe2\x80\xae"
                    "dlrow"),
            "\\u202edlrow");
  EXPECT_EQ(visible("\xe2\x81\xa6x"), "\\u2066x");
  EXPECT_EQ(visible("\x9b"), kReplacement);
  EXPECT_EQ(visible(visible("\x1b\r\xff\xc2\x80")), visible("\x1b\r\xff\xc2\x80"));
}

}  // namespace
}  // namespace omni
