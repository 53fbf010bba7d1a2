#include "store/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "store/files.h"

namespace omni::safetensors {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace {

constexpr Dtype kAllDtypes[] = {Dtype::f32, Dtype::bf16, Dtype::i32,    Dtype::i64,
                                Dtype::u32, Dtype::u8,   Dtype::boolean};
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

// Number of bytes of an array, or false where that passes 2^63.
bool byte_count(const std::vector<int64_t>& shape, Dtype dtype, uint64_t& bytes) {
  bytes = size_of(dtype);
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes) ||
        bytes > static_cast<uint64_t>(INT64_MAX))
      return false;
  return true;
}

struct Entry {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;  // in the data part
};

// Parses the header, refusing names given twice (which JSON parsers merge) and deep nesting.
json parse_header(const std::string& path, const std::string& text) {
  require(text.starts_with('{'), "'{}': its header is no JSON object", path);
  std::vector<std::set<std::string>> seen(4);
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= 3) throw UserError(fmt::format("'{}': its header nests too deep", path));
    if (event == json::parse_event_t::object_start) seen[static_cast<size_t>(depth) + 1].clear();
    if (event == json::parse_event_t::key &&
        !seen[static_cast<size_t>(depth)].insert(parsed.get<std::string>()).second)
      throw UserError(fmt::format("'{}': the name '{}' is given twice", path,
                                  parsed.get<std::string>()));
    return true;
  };
  return json::parse(text, watch);
}

Entry parse_entry(const std::string& path, const std::string& name, const json& j) {
  Entry e{.name = name, .dtype = Dtype::f32, .shape = {}, .begin = 0, .end = 0};
  const std::string dtype = j.at("dtype");
  const auto found = std::ranges::find(kAllDtypes, dtype, [](Dtype d) { return name_of(d); });
  require(found != std::end(kAllDtypes),
          "'{}': array '{}' has type '{}'; known are F32, BF16, I32, I64, U32, U8 and BOOL", path,
          name, dtype);
  e.dtype = *found;
  const auto count = [&](const json& v) -> uint64_t {
    require(v.is_number_unsigned() && v.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX),
            "'{}': array '{}' has a size or offset of {}", path, name, v.dump());
    return v.get<uint64_t>();
  };
  require(j.at("shape").is_array() && j.at("data_offsets").is_array() &&
              j.at("data_offsets").size() == 2,
          "'{}': array '{}' needs a shape and two data offsets", path, name);
  for (const json& v : j.at("shape")) e.shape.push_back(static_cast<int64_t>(count(v)));
  e.begin = count(j.at("data_offsets")[0]);
  e.end = count(j.at("data_offsets")[1]);
  uint64_t bytes = 0;
  require(byte_count(e.shape, e.dtype, bytes) && e.begin <= e.end && e.end - e.begin == bytes,
          "'{}': array '{}' of type {} and shape {} does not fit its bytes {}..{}", path, name,
          dtype, j.at("shape").dump(), e.begin, e.end);
  return e;
}

}  // namespace

size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
    case Dtype::i32:
    case Dtype::u32: return 4;
    case Dtype::bf16: return 2;
    case Dtype::i64: return 8;
    case Dtype::u8:
    case Dtype::boolean: return 1;
  }
  throw Bug("unknown type of array");
}

std::string_view name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return "F32";
    case Dtype::bf16: return "BF16";
    case Dtype::i32: return "I32";
    case Dtype::i64: return "I64";
    case Dtype::u32: return "U32";
    case Dtype::u8: return "U8";
    case Dtype::boolean: return "BOOL";
  }
  throw Bug("unknown type of array");
}

Array Array::of(std::span<const float> values, std::vector<int64_t> shape) {
  const auto bytes = std::as_bytes(values);
  return {Dtype::f32, std::move(shape), {bytes.begin(), bytes.end()}};
}

std::vector<float> Array::floats() const {
  require(dtype == Dtype::f32, "array of type {} where F32 is needed", name_of(dtype));
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void write(const std::filesystem::path& path, const std::map<std::string, View>& arrays,
           const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::vector<std::string_view> pieces(2);
  uint64_t offset = 0;
  for (const auto& [name, array] : arrays) {
    check(name != kMetadata, "safetensors: '{}' cannot name an array", kMetadata);
    uint64_t bytes = 0;
    check(byte_count(array.shape, array.dtype, bytes) && bytes == array.bytes.size(),
          "safetensors: array '{}' has {} bytes, which its shape does not give", name,
          array.bytes.size());
    header[name] = {{"dtype", name_of(array.dtype)},
                    {"shape", array.shape},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
    pieces.emplace_back(reinterpret_cast<const char*>(array.bytes.data()), bytes);
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data part begins at a multiple of 8
  check(text.size() <= kMaxHeader, "safetensors: a header of {} bytes", text.size());
  const uint64_t length = text.size();
  pieces[0] = {reinterpret_cast<const char*>(&length), sizeof length};
  pieces[1] = text;
  atomic_write(path, pieces);
}

void write(const std::filesystem::path& path, const File& file) {
  std::map<std::string, View> views;
  for (const auto& [name, array] : file.arrays)
    views[name] = {array.dtype, array.shape, array.bytes};
  write(path, views, file.metadata);
}

File read(const std::filesystem::path& path) {
  const std::string shown = path.string();
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  require(!error, "cannot read '{}': {}", shown, error.message());
  std::ifstream in(path, std::ios::binary);
  const auto read_into = [&](void* to, uint64_t bytes) {
    in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    require(static_cast<uint64_t>(in.gcount()) == bytes, "cannot read '{}' to its end", shown);
  };
  require(size >= 8, "'{}' is no safetensors file: it has {} bytes", shown, size);
  uint64_t length = 0;
  read_into(&length, 8);
  require(length <= kMaxHeader && length <= size - 8,
          "'{}' is no safetensors file, or cut off: a header of {} bytes in a file of {}", shown,
          length, size);
  std::string text(length, '\0');
  read_into(text.data(), length);

  File file;
  std::vector<Entry> entries;
  try {
    const json header = parse_header(shown, text);
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadata)
        file.metadata = value.get<std::map<std::string, std::string>>();
      else
        entries.push_back(parse_entry(shown, name, value));
    }
  } catch (const json::exception& e) {
    fail_user("'{}': its header is malformed: {}", shown, e.what());
  }

  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  uint64_t position = 0;
  for (const Entry& e : entries) {
    require(e.begin == position, "'{}': array '{}' begins at byte {}, expected {}: arrays must not "
            "overlap or leave holes", shown, e.name, e.begin, position);
    position = e.end;
  }
  require(position == size - 8 - length,
          "'{}': its arrays need {} bytes and the file holds {}; it may be cut off", shown,
          position, size - 8 - length);
  for (Entry& e : entries) {
    Array array{e.dtype, std::move(e.shape), std::vector<std::byte>(e.end - e.begin)};
    read_into(array.bytes.data(), array.bytes.size());
    file.arrays.emplace(std::move(e.name), std::move(array));
  }
  return file;
}

}  // namespace omni::safetensors
