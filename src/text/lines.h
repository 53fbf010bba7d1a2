// Files of text, plain or gzipped, as a whole and line by line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace omni {

// A text as any editor may have saved it, made one: UTF-8 without a byte-order mark, lines ended by
// "\n". `bytes`: UTF-8, or UTF-16 of either order that begins with the mark; lines ended by "\n",
// "\r\n" or "\r". UserError that begins with `where` for anything else, and for zero bytes.
std::string plain_text(std::string bytes, std::string_view where);

// plain_text() of a whole file, decompressed if it is gzipped. UserError also when it cannot be
// read or is a broken gzip file.
std::string read_text(const std::filesystem::path& path);

// The lines of a text, without their ends (\n or \r\n).
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line);         // false at the end
  int64_t number() const { return number_; }  // of the line just read, from 1

 private:
  std::string_view rest_;
  int64_t number_ = 0;
};

}  // namespace omni
