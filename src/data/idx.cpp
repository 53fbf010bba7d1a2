#include "data/idx.h"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/inputs.h"

namespace omni {
namespace {

constexpr size_t kChunk = size_t{1} << 18;
constexpr uint32_t kUnsignedByte = 0x08;  // the IDX code of the element type

bool begins_as_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

uint32_t big_endian(std::span<const std::byte> bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(bytes[offset + i]);
  return value;
}

// zlib's state, released however inflating ends.
struct Inflater {
  z_stream stream{};
  Inflater() {
    constexpr int kGzipWindow = 15 + 16;  // the largest window, with a gzip header
    check(inflateInit2(&stream, kGzipWindow) == Z_OK, "zlib: no memory to start");
  }
  ~Inflater() { inflateEnd(&stream); }
};

// What has not been inflated yet.
std::span<const std::byte> rest_of(std::span<const std::byte> bytes, const z_stream& stream) {
  return bytes.last(stream.avail_in);
}

}  // namespace

std::vector<std::byte> decompress(std::vector<std::byte> bytes, size_t largest_bytes,
                                  const std::string& origin) {
  if (!begins_as_gzip(bytes)) {
    require(bytes.size() <= largest_bytes, "{}: expected at most {} bytes, found {}", origin,
            largest_bytes, bytes.size());
    return bytes;
  }
  Inflater inflater;
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  check(stream.avail_in == bytes.size(), "{}: compressed bytes exceed 4 GiB", origin);
  std::vector<std::byte> out;
  std::vector<std::byte> chunk(kChunk);
  std::span<const std::byte> rest;  // behind the member
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    out.insert(out.end(), chunk.begin(), chunk.end() - stream.avail_out);
    require(out.size() <= largest_bytes,
            "{}: expected at most {} bytes after decompression, found more", origin,
            largest_bytes);
    if (status == Z_STREAM_END) {
      rest = rest_of(bytes, stream);
      if (!begins_as_gzip(rest)) break;
      check(inflateReset(&stream) == Z_OK, "zlib: another member cannot be begun");
      continue;
    }
    const bool starved = status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 &&
                                                   stream.avail_out == chunk.size());
    require(!starved, "{}: expected a whole gzip file, found one cut off after {} bytes "
            "({} decompressed)", origin, bytes.size(), out.size());
    require(status == Z_OK, "{}: expected a sound gzip file, found damage ({}) after {} "
            "decompressed bytes", origin, stream.msg ? stream.msg : "unknown cause", out.size());
  }
  const bool padded = std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; });
  require(padded,
          "{}: expected the end of the gzip file, another member or zeros, found {} more "
          "bytes",
          origin, rest.size());
  return out;
}

std::vector<std::byte> read_bytes(const std::filesystem::path& file, size_t largest_bytes) {
  note_input(file);
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(file, error);
  require(regular, "{}: expected a file, found {}", file.string(),
          error ? error.message() : "something else (a folder or a device)");
  const std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "rb"), std::fclose);
  require(in != nullptr, "{}: cannot be read: {}", file.string(), std::strerror(errno));
  // gzip adds a header, a trailer and 5 bytes per 16 KiB to each member, and there may be zeros
  // behind the last: a file beyond this holds the wanted bytes in no usual form.
  const size_t largest_file = 2 * largest_bytes + (1 << 16);
  std::vector<std::byte> bytes;
  std::vector<std::byte> chunk(kChunk);
  while (const size_t got = std::fread(chunk.data(), 1, chunk.size(), in.get())) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(got));
    require(bytes.size() <= largest_file, "{}: expected at most {} bytes, found more",
            file.string(), largest_file);
  }
  require(std::ferror(in.get()) == 0, "{}: reading failed after {} bytes: {}", file.string(),
          bytes.size(), std::strerror(errno));
  return decompress(std::move(bytes), largest_bytes, file.string());
}

Idx parse_idx(std::span<const std::byte> bytes, int dimensions, const std::string& origin) {
  const size_t header = 4 + 4 * static_cast<size_t>(dimensions);
  require(bytes.size() >= 4, "{}: expected an IDX header of {} bytes, found {} bytes", origin,
          header, bytes.size());
  const uint32_t wanted = kUnsignedByte << 8 | static_cast<uint32_t>(dimensions);
  const uint32_t magic = big_endian(bytes, 0);
  require(magic == wanted,
          "{}: expected magic number 0x{:08x} (IDX, unsigned bytes, {} dimension{}), "
          "found 0x{:08x}", origin, wanted, dimensions, dimensions == 1 ? "" : "s", magic);
  require(bytes.size() >= header, "{}: expected an IDX header of {} bytes, found {} bytes", origin,
          header, bytes.size());
  Idx idx;
  uint64_t count = 1;
  bool overflow = false;
  for (int d = 0; d < dimensions; ++d) {
    const uint32_t size = big_endian(bytes, 4 + 4 * static_cast<size_t>(d));
    overflow |= __builtin_mul_overflow(count, uint64_t{size}, &count);
    idx.shape.push_back(size);
  }
  require(!overflow && count == bytes.size() - header,
          "{}: expected {} elements (its header says {}), found {} bytes after the header", origin,
          overflow ? "more than 2^64" : std::to_string(count), fmt::join(idx.shape, " x "),
          bytes.size() - header);
  idx.elements = bytes.subspan(header);
  return idx;
}

}  // namespace omni
