#include "store/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/inputs.h"
#include "store/files.h"

namespace omni::safetensors {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace {

struct TypeEntry {
  Dtype dtype;
  std::string_view name;
  size_t bits;
};
constexpr TypeEntry kTypes[] = {{Dtype::f32, "F32", 32},
                                {Dtype::bf16, "BF16", 16},
                                {Dtype::f16, "F16", 16},
                                {Dtype::f64, "F64", 64},
                                {Dtype::c64, "C64", 64},
                                {Dtype::i8, "I8", 8},
                                {Dtype::i16, "I16", 16},
                                {Dtype::i32, "I32", 32},
                                {Dtype::i64, "I64", 64},
                                {Dtype::u8, "U8", 8},
                                {Dtype::u16, "U16", 16},
                                {Dtype::u32, "U32", 32},
                                {Dtype::u64, "U64", 64},
                                {Dtype::boolean, "BOOL", 8},
                                {Dtype::f8_e4m3, "F8_E4M3", 8},
                                {Dtype::f8_e5m2, "F8_E5M2", 8},
                                {Dtype::f8_e8m0, "F8_E8M0", 8},
                                {Dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
                                {Dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
                                {Dtype::f6_e2m3, "F6_E2M3", 6},
                                {Dtype::f6_e3m2, "F6_E3M2", 6},
                                {Dtype::f4, "F4", 4}};

const TypeEntry& entry_of(Dtype dtype) {
  const auto found = std::ranges::find(kTypes, dtype, &TypeEntry::dtype);
  if (found == std::end(kTypes)) throw Bug("unknown type of array");
  return *found;
}

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

// Number of bytes of an array, or false where its bits pass 2^63 or fill no whole byte.
bool byte_count(const std::vector<int64_t>& shape, Dtype dtype, uint64_t& bytes) {
  uint64_t bits = bits_of(dtype);
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bits, static_cast<uint64_t>(extent), &bits) ||
        bits > static_cast<uint64_t>(INT64_MAX))
      return false;
  bytes = bits / 8;
  return bits % 8 == 0;
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
      throw UserError(
          fmt::format("'{}': the name '{}' is given twice", path, parsed.get<std::string>()));
    return true;
  };
  return json::parse(text, watch);
}

Entry parse_entry(const std::string& path, const std::string& name, const json& j) {
  Entry e{.name = name, .dtype = Dtype::f32, .shape = {}, .begin = 0, .end = 0};
  const std::string dtype = j.at("dtype");
  const auto found = std::ranges::find(kTypes, std::string_view(dtype), &TypeEntry::name);
  if (found == std::end(kTypes)) {
    std::vector<std::string> names;
    for (const TypeEntry& type : kTypes) names.emplace_back(type.name);
    fail_user("'{}': array '{}' has type '{}'; known are {}", path, name, dtype,
              fmt::join(names, ", "));
  }
  e.dtype = found->dtype;
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

size_t bits_of(Dtype dtype) { return entry_of(dtype).bits; }
std::string_view name_of(Dtype dtype) { return entry_of(dtype).name; }

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
  note_input(path);
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
    require(e.begin == position,
            "'{}': array '{}' begins at byte {}, expected {}: arrays must not "
            "overlap or leave holes",
            shown, e.name, e.begin, position);
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
