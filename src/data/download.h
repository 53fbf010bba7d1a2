// Fetches one file from the first mirror that serves the right bytes, and puts it in place in one
// step: a reader never sees half a file, and a wrong file never replaces anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace omni {

struct DownloadProgress {
  std::string url;
  int64_t received_bytes = 0;
  int64_t total_bytes = 0;  // 0 while unknown
};

struct DownloadOptions {
  double answer_timeout_s = 5;        // a mirror that has sent nothing by then is given up
  int slow_window_s = 10;             // and one that stays below the next line for this long
  int64_t slowest_bytes_per_s = 1024;
  size_t largest_bytes = size_t{256} << 20;
  int redirects = 4;                  // followed at most, and only to https
  bool plain_http = false;            // addresses may be http://, for a server on this machine
  // Called on the calling thread about ten times a second; may throw to cancel.
  std::function<void(const DownloadProgress&)> progress = {};
};

// No mirror served the file. `reached`: at least one of them answered at all.
struct DownloadError : UserError {
  DownloadError(const std::string& text, bool any_reached)
      : UserError(text), reached(any_reached) {}
  bool reached;
};

// The mirrors' full addresses, https:// unless `plain_http`, are tried in order, with certificates
// verified. A file is received in memory and never grows beyond `largest_bytes`. `verify` gets the
// bytes as served and throws UserError if they are not the wanted ones; then the next mirror is
// tried. Verified bytes are written beside `destination`, flushed to disk and renamed. Returns the
// address that served them. Throws DownloadError with one line per mirror, UserError if the file
// cannot be written.
std::string download(std::span<const std::string> mirrors, const std::filesystem::path& destination,
                     const std::function<void(const std::vector<std::byte>&)>& verify,
                     const DownloadOptions& options);

// Writes `bytes` to `file` by way of a temporary file beside it, fsync and rename, making folders
// as needed. UserError names the file and the system's reason; then nothing is left behind.
void write_in_one_step(const std::filesystem::path& file, std::span<const std::byte> bytes);

}  // namespace omni
