// Arrays in files of the safetensors format (huggingface/safetensors): an 8-byte little-endian
// header length, a JSON header, the bytes of all arrays one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omni::safetensors {

// All types of the format; only some are computed with.
enum class Dtype {
  f32,
  bf16,
  i32,
  i64,
  u32,
  u8,
  boolean,
  f16,
  f64,
  c64,
  i8,
  i16,
  u16,
  u64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f6_e2m3,
  f6_e3m2,
  f4
};
size_t bits_of(Dtype dtype);            // of an element
std::string_view name_of(Dtype dtype);  // as in the header: "F32", ...

struct Array {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, little-endian

  static Array of(std::span<const float> values, std::vector<int64_t> shape);
  std::vector<float> floats() const;  // UserError unless F32
};

// An array to be written; the bytes stay the caller's.
struct View {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

struct File {
  std::map<std::string, Array> arrays;
  std::map<std::string, std::string> metadata;
};

// Atomic and synced. Arrays are laid out by name, so equal content gives equal files.
void write(const std::filesystem::path& path, const std::map<std::string, View>& arrays,
           const std::map<std::string, std::string>& metadata = {});
void write(const std::filesystem::path& path, const File& file);

// Checks everything that the header says against the file before any array is read: UserError for
// a header beyond the file or 100 MB, malformed JSON, names given twice, unknown types, shapes
// that do not match their bytes, and ranges that overlap, leave holes or pass the end.
File read(const std::filesystem::path& path);

}  // namespace omni::safetensors
