#include "text/lines.h"

#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "text/unicode.h"

namespace omni {

// Of a text, unpacked: a small packed file can hold a thousand times its size.
constexpr size_t kMostBytes = size_t{4} << 30;

std::string read_text(const std::filesystem::path& path) {
  std::error_code ignored;  // what else is wrong shows when it is opened
  require(!std::filesystem::is_directory(path, ignored), "cannot read '{}': it is a folder",
          path.string());
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
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
  require_utf8(text, path.string());
  return text;
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
