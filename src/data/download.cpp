#include "data/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace omni {
namespace {

using Clock = std::chrono::steady_clock;

struct Received {
  std::vector<std::byte> bytes;
  size_t largest;
};

// libcurl's sink; taking fewer bytes than offered ends the transfer.
size_t receive(char* data, size_t size, size_t count, void* user) {
  auto& received = *static_cast<Received*>(user);
  const size_t bytes = size * count;
  if (received.bytes.size() + bytes > received.largest) return 0;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  received.bytes.insert(received.bytes.end(), begin, begin + bytes);
  return bytes;
}

struct Outcome {
  std::string problem;  // empty if all bytes arrived
  bool reached = false;
};

void configure(CURL* curl, const std::string& url, Received& received, char* reason,
               const DownloadOptions& options) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "omniscale");
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, options.plain_http ? "https,http" : "https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(options.redirects));
  // Of the announced size; the sink sees to what is sent beyond it, or unannounced.
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(received.largest));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.answer_timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.slowest_bytes_per_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.slow_window_s));
  // Without this, giving up on a name server that hangs waits until it stops hanging.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
}

// Runs one transfer with the multi interface, which leaves the clock to us: libcurl has no limit
// on the time to the first byte of an HTTP answer.
Outcome fetch(const std::string& url, Received& received, const DownloadOptions& options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(started == CURLE_OK, "libcurl does not start: {}", curl_easy_strerror(started));
  char reason[CURL_ERROR_SIZE] = "";
  const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(curl_multi_init(), curl_multi_cleanup);
  const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
  check(multi && easy, "libcurl: no memory");
  configure(easy.get(), url, received, reason, options);
  curl_multi_add_handle(multi.get(), easy.get());
  struct Removal {
    CURLM* multi;
    CURL* easy;
    ~Removal() { curl_multi_remove_handle(multi, easy); }
  } const removal{multi.get(), easy.get()};

  const auto start = Clock::now();
  auto told = start;
  Outcome outcome;
  for (int running = 1; running > 0;) {
    const CURLMcode status = curl_multi_perform(multi.get(), &running);
    check(status == CURLM_OK, "libcurl: {}", curl_multi_strerror(status));
    const auto now = Clock::now();
    long code = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &code);
    outcome.reached |= code > 0;
    if (running == 0) break;
    const double waited_s = std::chrono::duration<double>(now - start).count();
    if (received.bytes.empty() && waited_s > options.answer_timeout_s) {
      outcome.problem = fmt::format("no answer within {:.3g} s", options.answer_timeout_s);
      return outcome;
    }
    if (options.progress && now - told > std::chrono::milliseconds(100)) {
      told = now;
      curl_off_t total = 0;
      curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
      options.progress({url, static_cast<int64_t>(received.bytes.size()),
                        std::max<int64_t>(0, total)});
    }
    curl_multi_poll(multi.get(), nullptr, 0, 50, nullptr);
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi.get(), &left);
  check(message != nullptr && message->msg == CURLMSG_DONE, "libcurl: a transfer without an end");
  const CURLcode result = message->data.result;
  if (result == CURLE_OK) {
    const auto size = static_cast<int64_t>(received.bytes.size());
    if (options.progress) options.progress({url, size, size});
  } else if (result == CURLE_WRITE_ERROR || result == CURLE_FILESIZE_EXCEEDED) {
    outcome.problem = fmt::format("expected at most {} bytes, found more", received.largest);
  } else {
    outcome.problem = reason[0] ? reason : curl_easy_strerror(result);
  }
  return outcome;
}

// Gives up with the system's reason, after removing what was begun.
[[noreturn]] void fail_write(const std::filesystem::path& file, const std::string& temporary,
                             const char* action) {
  const std::string reason = std::strerror(errno);
  ::unlink(temporary.c_str());
  fail_user("{}: {} failed: {}; check the folder's permissions and free space", file.string(),
            action, reason);
}

}  // namespace

void write_in_one_step(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  const std::filesystem::path folder =
      file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: the folder cannot be made: {}", folder.string(), error.message());
  std::string temporary = file.string() + ".part-XXXXXX";
  const int handle = ::mkostemp(temporary.data(), O_CLOEXEC);
  require(handle >= 0, "{}: cannot be written: {}", file.string(), std::strerror(errno));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t wrote = ::write(handle, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int cause = errno;
      ::close(handle);
      errno = cause;
      fail_write(file, temporary, "writing");
    }
    done += static_cast<size_t>(wrote);
  }
  const bool kept = ::fchmod(handle, 0644) == 0 && ::fsync(handle) == 0;
  const int cause = errno;
  ::close(handle);
  errno = cause;
  if (!kept) fail_write(file, temporary, "flushing to disk");
  if (::rename(temporary.c_str(), file.c_str()) != 0) fail_write(file, temporary, "renaming");
  // The new name itself must survive a power cut; a system that cannot flush folders is no error.
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

std::string download(std::span<const std::string> mirrors, const std::filesystem::path& destination,
                     const std::function<void(const std::vector<std::byte>&)>& verify,
                     const DownloadOptions& options) {
  std::string problems;
  bool reached = false;
  for (const std::string& url : mirrors) {
    Received received{{}, options.largest_bytes};
    Outcome outcome = fetch(url, received, options);
    reached |= outcome.reached;
    if (outcome.problem.empty()) {
      try {
        verify(received.bytes);
      } catch (const UserError& error) {
        outcome.problem = error.what();
      }
    }
    if (outcome.problem.empty()) {
      write_in_one_step(destination, received.bytes);
      return url;
    }
    problems += fmt::format("\n  {}: {}", url, outcome.problem);
  }
  const std::string name = destination.filename().string();
  throw DownloadError(fmt::format("{}: no mirror served it:{}", name, problems), reached);
}

}  // namespace omni
