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

TEST(LineReader, ReadsEveryEnding) {
  LineReader lines("a\r\n\nb\nlast");
  std::vector<std::string> found;
  for (std::string_view line; lines.next(line);) found.emplace_back(line);
  EXPECT_EQ(found, (std::vector<std::string>{"a", "", "b", "last"}));
  EXPECT_EQ(lines.number(), 4);
}

}  // namespace
}  // namespace omni
