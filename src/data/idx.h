// Reads IDX files, plain or gzipped: the format of MNIST and its relatives. A big-endian header
// (two zero bytes, element type, number of dimensions, one 32-bit size per dimension) is followed
// by the elements, last dimension fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace omni {

// The whole file, decompressed if it begins as gzip does: all members, one after another, and zeros
// behind them left out, as gzip does (RFC 1952, section 2.2). Memory grows with what is really
// there, never with what a header promises. UserError if the file cannot be read, is a damaged gzip
// file, or holds more than `largest_bytes` when decompressed.
std::vector<std::byte> read_bytes(const std::filesystem::path& file, size_t largest_bytes);

// The same for bytes already in memory; `origin` is named in errors.
std::vector<std::byte> decompress(std::vector<std::byte> bytes, size_t largest_bytes,
                                  const std::string& origin);

// A view of the unsigned-byte elements of an IDX file and their shape.
struct Idx {
  std::vector<int64_t> shape;
  std::span<const std::byte> elements;  // points into the bytes given to parse_idx
};

// UserError, naming `origin`, unless `bytes` are exactly an IDX file of unsigned bytes with that
// many dimensions.
Idx parse_idx(std::span<const std::byte> bytes, int dimensions, const std::string& origin);

}  // namespace omni
