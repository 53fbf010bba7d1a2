#include "store/files.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/inputs.h"
#include "base/missing_file.h"
#include "base/random.h"
#include "base/utf8.h"

namespace omni {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPart = ".part";

[[noreturn]] void fail(std::string_view what, const fs::path& path, int error) {
  std::string_view hint;
  if (error == ENOSPC || error == EDQUOT)
    hint = "; free some space there or choose another folder, then run the same command again";
  if (error == EACCES || error == EPERM || error == EROFS)
    hint = "; choose a folder that you may write to, or change its permissions";
  const std::string text =
      fmt::format("cannot {} '{}': {}{}", what, path.string(), std::strerror(error), hint);
  if (error == ENOENT) throw MissingFile(text);
  throw UserError(text);
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// 0, or the errno of the first failure.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

int write_synced(const fs::path& path, std::span<const std::string_view> pieces) {
  const Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.fd < 0) return errno;
  for (const std::string_view piece : pieces)
    if (const int error = write_all(file.fd, piece)) return error;
  return fsync(file.fd) == 0 ? 0 : errno;
}

// Makes the names in a folder survive a power loss. 0, or the errno of a disk that failed; some
// file systems refuse to sync folders, which is no error.
int sync_folder(const fs::path& folder) {
  const Descriptor file{open(folder.empty() ? "." : folder.c_str(),
                             O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file.fd < 0 || fsync(file.fd) == 0) return 0;
  return errno == EIO || errno == ENOSPC || errno == EDQUOT ? errno : 0;
}

// The process that writes a file called NAME.PROCESS.NUMBER.part; 0 for other names.
pid_t writer_of(std::string_view name) {
  if (!name.ends_with(kPart)) return 0;
  name.remove_suffix(kPart.size());
  uint64_t number = 0;
  pid_t process = 0;
  for (int i = 0; i < 2; ++i) {
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return 0;
    const char *begin = name.data() + dot + 1, *end = name.data() + name.size();
    const auto read = i == 0 ? std::from_chars(begin, end, number)
                             : std::from_chars(begin, end, process);
    if (read.ec != std::errc() || read.ptr != end) return 0;
    name = name.substr(0, dot);
  }
  return name.empty() ? 0 : process;
}

}  // namespace

void atomic_write(const fs::path& path, std::span<const std::string_view> pieces) {
  static std::atomic<uint64_t> counter = 0;  // two threads may write the same file
  fs::path beside = path;
  beside += fmt::format(".{}.{}{}", getpid(), counter++, kPart);
  int error = write_synced(beside, pieces);
  if (error == 0 && rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(beside.c_str());
    fail("write", path, error);
  }
  if ((error = sync_folder(path.parent_path())) != 0) fail("write", path, error);
}

void atomic_write(const fs::path& path, std::string_view bytes) {
  atomic_write(path, std::span(&bytes, 1));
}

void append(const fs::path& path, std::string_view text) {
  const Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
  int error = file.fd < 0 ? errno : write_all(file.fd, visible(text));
  if (error == 0 && fsync(file.fd) != 0) error = errno;
  if (error != 0) fail("write", path, error);
}

std::string read_file(const fs::path& path) {
  note_input(path);
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail("read", path, errno);
  std::string text;
  for (;;) {
    char block[1 << 16];
    const ssize_t n = ::read(file.fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    if (n == 0) return text;
    text.append(block, static_cast<size_t>(n));
    require(text.size() <= kMostRead, "cannot read '{}': it holds more than {} MiB", path.string(),
            kMostRead >> 20);
  }
}

void make_folder(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> made;  // the innermost first
  for (fs::path p = path; !p.empty() && !fs::exists(p, error); p = p.parent_path())
    made.push_back(p);
  fs::create_directories(path, error);
  if (error) fail("make the folder", path, error.value());
  for (const fs::path& p : made)
    if (const int failed = sync_folder(p.parent_path())) fail("make the folder", p, failed);
}

void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator i(folder, error), end; !error && i != end;
       i.increment(error)) {
    const pid_t writer = writer_of(i->path().filename().string());
    std::error_code ignored;
    if (writer > 0 && kill(writer, 0) != 0 && errno == ESRCH) fs::remove(i->path(), ignored);
  }
}

std::string csv_cell(std::string_view text) {
  const std::string valid = valid_utf8(text);
  if (valid.find_first_of(",\"\r\n") == std::string::npos) return valid;
  std::string cell = "\"";
  for (const char c : valid) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + '"';
}

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string file_name_of(std::string_view label) {
  constexpr size_t kLongest = 100;
  const auto is_alphanumeric = [](char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9');
  };
  std::string name;
  for (const char c : label.substr(0, kLongest))
    name += is_alphanumeric(c) || std::string_view("_-+=,.| ").find(c) != std::string_view::npos
                ? c
                : '_';
  // A first letter or digit keeps names from being hidden, a parent folder or an option.
  if (name == label && !name.empty() && is_alphanumeric(name.front()) && name.back() != ' ')
    return name;
  // No label that is its own name holds a ~.
  return fmt::format("label {}~{}", name, text_hash(label));
}

std::string text_hash(std::string_view text) { return fmt::format("{:016x}", hash_text(text)); }

}  // namespace omni
