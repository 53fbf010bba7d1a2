// For tests of this folder: small IDX files, and a web server on this machine that
// misbehaves on request.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "base/test_folder.h"
#include "data/image_set.h"

namespace omni::test {

inline void write_text(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

inline std::string read_text(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

inline size_t files_in(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder)) return 0;
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    count += entry.is_regular_file();
  return count;
}

inline std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

inline std::string gzip(const std::string& text) {
  z_stream stream{};
  check(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  check(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// An IDX file of unsigned bytes.
inline std::string idx_file(const std::vector<uint32_t>& shape, const std::string& elements) {
  std::string out = {0, 0, 8, static_cast<char>(shape.size())};
  for (const uint32_t size : shape)
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  return out + elements;
}

// An image set of six training and two test images of 2 x 3 pixels, and its four files' bytes.
struct SmallSet {
  ImageSet set;
  std::array<std::string, 4> contents;

  // Writes the gzipped files to `folder`/NAME.
  void write(const std::filesystem::path& folder) const {
    for (size_t i = 0; i < 4; ++i)
      write_text(folder / set.name / (set.files[i].standard_name() + ".gz"), gzip(contents[i]));
  }
};

inline SmallSet small_set(const std::string& name, std::vector<std::string> mirrors = {}) {
  SmallSet small;
  std::string pixels(48, '\0');
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(5 * i);
  small.contents = {idx_file({6, 2, 3}, pixels.substr(0, 36)), idx_file({6}, {0, 1, 2, 3, 4, 9}),
                    idx_file({2, 2, 3}, pixels.substr(36)), idx_file({2}, {7, 8})};
  const std::array<const char*, 4> stems = {"train-images", "train-labels", "t10k-images",
                                            "t10k-labels"};
  small.set.name = name;
  small.set.mirrors = std::move(mirrors);
  for (size_t i = 0; i < 4; ++i)
    small.set.files[i] = {stems[i], i % 2 == 0 ? 3 : 1, small.contents[i].size(),
                          sha256_hex(small.contents[i])};
  return small;
}

// How a LocalServer answers one request.
struct Reply {
  int status = 200;
  std::string body = "";
  size_t send = SIZE_MAX;            // closes the connection after so many bytes of the body
  bool hang = false;                 // sends nothing at all
  double pause_s = 0;                // between single bytes of the body
  std::string length = "";           // announced; empty: the body's, "none": none
  std::string header = "";           // more header lines, each ending in \r\n
};

// Serves HTTP on 127.0.0.1 until destroyed.
class LocalServer {
 public:
  explicit LocalServer(std::function<Reply(const std::string& path)> answer)
      : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    ::setenv("no_proxy", "127.0.0.1", 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    check(socket_ >= 0 && ::bind(socket_, generic, size) == 0 && ::listen(socket_, 16) == 0 &&
              ::getsockname(socket_, generic, &size) == 0, "no local server");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LocalServer() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& connection : connections_) connection.join();
    ::close(socket_);
  }
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}/{}", port_, path);
  }
  int requests() const { return requests_; }

 private:
  static constexpr auto kTick = std::chrono::milliseconds(5);

  void accept_all() {
    while (!stopping_) {
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client >= 0) connections_.emplace_back([this, client] { serve(client); });
    }
  }

  void wait(double seconds) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!stopping_ && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(kTick);
  }

  void serve(int client) {
    std::string request;
    char part[1024];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(client, part, sizeof(part), 0);
      if (got <= 0) break;
      request.append(part, static_cast<size_t>(got));
    }
    ++requests_;
    const size_t start = request.find('/') + 1;
    const Reply reply = answer_(request.substr(start, request.find(' ', start) - start));
    if (reply.hang) wait(60);
    std::string head = fmt::format("HTTP/1.1 {} Because\r\n{}", reply.status, reply.header);
    if (reply.length != "none")
      head += fmt::format("Content-Length: {}\r\n", reply.length.empty()
                                                        ? fmt::format("{}", reply.body.size())
                                                        : reply.length);
    head += "Connection: close\r\n\r\n";
    const std::string sent = reply.body.substr(0, reply.send);
    if (!reply.hang) push(client, head);
    if (reply.pause_s == 0 && !reply.hang) push(client, sent);
    for (size_t i = 0; reply.pause_s > 0 && i < sent.size() && !stopping_; ++i) {
      if (!push(client, sent.substr(i, 1))) break;
      wait(reply.pause_s);
    }
    ::close(client);
  }

  static bool push(int client, const std::string& bytes) {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t sent = ::send(client, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += static_cast<size_t>(sent);
    }
    return true;
  }

  std::function<Reply(const std::string&)> answer_;
  int socket_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
};

// The text of the UserError that `action` throws; "no error" if it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace omni::test
