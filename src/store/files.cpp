#include "store/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"

namespace omni {

namespace {

[[noreturn]] void fail(std::string_view what, const std::filesystem::path& path, int error) {
  std::string_view hint;
  if (error == ENOSPC || error == EDQUOT)
    hint = "; free some space there or choose another folder, then run the same command again";
  if (error == EACCES || error == EPERM || error == EROFS)
    hint = "; choose a folder that you may write to, or change its permissions";
  fail_user("cannot {} '{}': {}{}", what, path.string(), std::strerror(error), hint);
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

int write_synced(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  const Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.fd < 0) return errno;
  for (const std::string_view piece : pieces)
    if (const int error = write_all(file.fd, piece)) return error;
  return fsync(file.fd) == 0 ? 0 : errno;
}

}  // namespace

void atomic_write(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  static std::atomic<uint64_t> counter = 0;  // two threads may write the same file
  std::filesystem::path beside = path;
  beside += fmt::format(".{}.{}.part", getpid(), counter++);
  int error = write_synced(beside, pieces);
  if (error == 0 && rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(beside.c_str());
    fail("write", path, error);
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor parent{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (parent.fd >= 0) fsync(parent.fd);  // some file systems refuse it; the content is safe
}

void atomic_write(const std::filesystem::path& path, std::string_view bytes) {
  atomic_write(path, std::span(&bytes, 1));
}

std::string read_file(const std::filesystem::path& path) {
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
  }
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("make the folder", path, error.value());
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + '"';
}

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string text_hash(std::string_view text) { return fmt::format("{:016x}", hash_text(text)); }

}  // namespace omni
