#include "text/lines.h"

#include <unicode/utf16.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/inputs.h"
#include "base/missing_file.h"
#include "text/unicode.h"

namespace omni {

// Of a text, unpacked: a small packed file can hold a thousand times its size.
constexpr size_t kMostBytes = size_t{4} << 30;

namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";  // U+FEFF, which tells the order of bytes

// A file of 16-bit units, whose first is U+FEFF in the order of bytes of all.
std::string from_utf16(std::string_view bytes, bool big_endian, std::string_view where) {
  require(bytes.size() % 2 == 0, "{}: UTF-16 of an odd number of bytes, {}; is the file complete?",
          where, bytes.size());
  const auto unit = [&](size_t i) {
    const auto high = static_cast<unsigned char>(bytes[i + (big_endian ? 0 : 1)]);
    const auto low = static_cast<unsigned char>(bytes[i + (big_endian ? 1 : 0)]);
    return static_cast<char16_t>(high << 8 | low);
  };
  std::string text;
  for (size_t at = 2; at < bytes.size(); at += 2) {
    char32_t c = unit(at);
    if (U_IS_SURROGATE(c)) {
      const bool pair =
          U_IS_SURROGATE_LEAD(c) && at + 2 < bytes.size() && U16_IS_TRAIL(unit(at + 2));
      require(pair, "{}: half a character at byte {} of this UTF-16; save the text as UTF-8", where,
              at);
      c = static_cast<char32_t>(U16_GET_SUPPLEMENTARY(c, unit(at + 2)));
      at += 2;
    }
    text += utf8_of(c);
  }
  return text;
}

// "\r\n" and "\r" alone, of Windows and of old, become "\n".
void unify_line_ends(std::string& text) {
  size_t to = text.find('\r');
  if (to == std::string::npos) return;
  for (size_t from = to; from < text.size(); ++from) {
    const bool pair = text[from] == '\r' && from + 1 < text.size() && text[from + 1] == '\n';
    if (!pair) text[to++] = text[from] == '\r' ? '\n' : text[from];
  }
  text.resize(to);
}

}  // namespace

std::string plain_text(std::string bytes, std::string_view where) {
  if (bytes.starts_with(std::string_view("\xff\xfe\0\0", 4)) ||
      bytes.starts_with(std::string_view("\0\0\xfe\xff", 4)))
    fail_user("{}: this is UTF-32; save the text as UTF-8, or convert it with iconv", where);
  if (bytes.starts_with("\xff\xfe"))
    bytes = from_utf16(bytes, false, where);
  else if (bytes.starts_with("\xfe\xff"))
    bytes = from_utf16(bytes, true, where);
  else if (bytes.starts_with(kMark))
    bytes.erase(0, kMark.size());
  require_utf8(bytes, where);
  const size_t zero = bytes.find('\0');
  require(zero == std::string::npos,
          "{}: a zero byte at byte {}, which no text holds; is it UTF-16 "
          "without its mark, or no text at all? Save the text as UTF-8",
          where, zero);
  unify_line_ends(bytes);
  return bytes;
}

std::string read_text(const std::filesystem::path& path) {
  std::error_code ignored;  // what else is wrong shows when it is opened
  require(!std::filesystem::is_directory(path, ignored), "cannot read '{}': it is a folder",
          path.string());
  note_input(path);
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file && errno == ENOENT)
    throw MissingFile(fmt::format("cannot read '{}': {}", path.string(), std::strerror(ENOENT)));
  require(file != nullptr, "cannot read '{}': {}", path.string(),
          errno == 0 ? "out of memory" : std::strerror(errno));
  std::string text;
  std::string block(1 << 16, '\0');
  int count = 0;
  while ((count = gzread(file.get(), block.data(), static_cast<unsigned>(block.size()))) > 0) {
    text.append(block, 0, static_cast<size_t>(count));
    require(text.size() <= kMostBytes, "'{}' holds more than {} bytes of text: split it",
            path.string(), kMostBytes);
  }
  int status = Z_OK;
  const char* problem = gzerror(file.get(), &status);
  require(count == 0 && (status == Z_OK || status == Z_STREAM_END), "cannot read '{}': {}",
          path.string(), status == Z_ERRNO ? std::strerror(errno) : problem);
  return plain_text(std::move(text), path.string());
}

bool LineReader::next(std::string_view& line) {
  if (rest_.empty()) return false;
  const size_t end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  ++number_;
  return true;
}

}  // namespace omni
