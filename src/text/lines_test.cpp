#include "text/lines.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"

namespace omni {
namespace {

TEST(ReadText, TakesPlainAndGzippedFiles) {
  const TestFolder folder;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "line " + std::to_string(i) + " é\n";
  std::ofstream(folder.path() / "plain.txt") << text;
  const std::string zipped = (folder.path() / "zipped.gz").string();
  const gzFile file = gzopen(zipped.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  EXPECT_EQ(read_text(folder.path() / "plain.txt"), text);
  EXPECT_EQ(read_text(zipped), text);

  std::filesystem::resize_file(zipped, std::filesystem::file_size(zipped) / 2);
  EXPECT_THROW(read_text(zipped), UserError) << "half a file";
}

TEST(ReadText, SaysWhatIsWrong) {
  const TestFolder folder;
  std::ofstream(folder.path() / "bad.txt") << "ab\xff";
  try {
    read_text(folder.path() / "bad.txt");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("bad.txt: not UTF-8 at byte 2"), std::string::npos);
  }
  EXPECT_THROW(read_text(folder.path() / "missing.txt"), UserError);
  EXPECT_THROW(read_text(folder.path()), UserError);
}

// The text in UTF-16 with its mark, either order of bytes.
std::string utf16(std::u16string_view text, bool big_endian) {
  std::string bytes;
  for (const char16_t unit : u"\ufeff" + std::u16string(text)) {
    const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xff);
    bytes += big_endian ? high : low;
    bytes += big_endian ? low : high;
  }
  return bytes;
}

TEST(PlainText, IsTheSameHoweverItWasSaved) {
  const std::string text = "One é.\n\nTwo \U0001F600.\nThree\n";
  const std::string windows = "One é.\r\n\r\nTwo \U0001F600.\r\nThree\r\n";
  const std::string old = "One é.\r\rTwo \U0001F600.\rThree\r";
  const std::string mixed = "One é.\n\r\nTwo \U0001F600.\rThree\n";
  for (const std::string& saved : {text, windows, old, mixed, "\ufeff" + text, "\ufeff" + windows,
                                   utf16(u"One é.\n\nTwo \U0001F600.\nThree\n", false),
                                   utf16(u"One é.\r\n\r\nTwo \U0001F600.\r\nThree\r\n", true)})
    EXPECT_EQ(plain_text(saved, "x"), text);
  EXPECT_EQ(plain_text("", "x"), "");
  EXPECT_EQ(plain_text("\r", "x"), "\n");
  EXPECT_EQ(plain_text("a\ufeff\u2028b\f", "x"), "a\ufeff\u2028b\f") << "marks and ends inside";
}

TEST(PlainText, RefusesByName) {
  const auto refused = [](const std::string& bytes) -> std::string {
    try {
      plain_text(bytes, "x.txt");
    } catch (const UserError& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_TRUE(refused("abc\xff").starts_with("x.txt: not UTF-8 at byte 3"));
  const std::string whole = utf16(u"a\U0001F600", false);
  EXPECT_TRUE(
      refused(whole.substr(0, 5)).starts_with("x.txt: UTF-16 of an odd number of bytes, 5"));
  EXPECT_TRUE(refused(whole.substr(0, 6)).starts_with("x.txt: half a character at byte 4"));
  EXPECT_TRUE(refused(utf16(u"\xdc00", true)).starts_with("x.txt: half a character at byte 2"));
  EXPECT_TRUE(refused(whole.substr(2, 2)).starts_with("x.txt: a zero byte at byte 1"));
  EXPECT_TRUE(refused(std::string("\xff\xfe\0\0a\0\0\0", 8)).starts_with("x.txt: this is UTF-32"));
}

TEST(LineReader, ReadsEveryEnding) {
  LineReader lines("a\r\n\nb\nlast");
  std::vector<std::string> found;
  for (std::string_view line; lines.next(line);) found.emplace_back(line);
  EXPECT_EQ(found, (std::vector<std::string>{"a", "", "b", "last"}));
  EXPECT_EQ(lines.number(), 4);
}

}  // namespace
}  // namespace omni
