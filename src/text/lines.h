// Files of text, plain or gzipped, as a whole and line by line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace omni {

// A whole file, decompressed if it is gzipped. UserError when it cannot be read, is a broken gzip
// file, or is not UTF-8 (with the byte).
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
