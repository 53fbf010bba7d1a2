#include "studies/text_cache.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/inputs.h"
#include "base/sha256.h"
#include "store/files.h"
#include "store/safetensors.h"

namespace omni {
namespace {

namespace fs = std::filesystem;
using safetensors::Dtype;

std::span<const std::byte> bytes_of(const std::vector<int32_t>& values) {
  return std::as_bytes(std::span(values));
}

std::string checksum(const TokenRows& rows) {
  const std::string length = fmt::format("{}:", rows.length);
  return Sha256()
      .add(std::as_bytes(std::span(length.data(), length.size())))
      .add(bytes_of(rows.tokens))
      .add(bytes_of(rows.lengths))
      .add(bytes_of(rows.forget))
      .hex();
}

void write(const fs::path& path, const TokenRows& rows, const std::string& key) {
  const int64_t n = rows.count();
  safetensors::write(path,
                     std::map<std::string, safetensors::View>{
                         {"tokens", {Dtype::i32, {n, rows.length}, bytes_of(rows.tokens)}},
                         {"lengths", {Dtype::i32, {n}, bytes_of(rows.lengths)}},
                         {"forget", {Dtype::i32, {n}, bytes_of(rows.forget)}}},
                     {{"key", key}, {"sha256", checksum(rows)}});
}

std::vector<int32_t> values_of(const safetensors::Array& array) {
  require(array.dtype == Dtype::i32, "expected I32");
  std::vector<int32_t> values(array.bytes.size() / sizeof(int32_t));
  std::copy(array.bytes.begin(), array.bytes.end(),
            std::as_writable_bytes(std::span(values)).begin());
  return values;
}

// None unless the file holds these rows and all of them.
std::optional<TokenRows> read(const fs::path& path, const std::string& key, int64_t length) {
  const ReadsInputs none(nullptr);
  std::error_code unreachable;
  if (!fs::exists(path, unreachable)) return std::nullopt;
  try {
    const safetensors::File file = safetensors::read(path);
    const auto values = [&](const char* name) { return values_of(file.arrays.at(name)); };
    TokenRows rows{length, values("tokens"), values("lengths"), values("forget")};
    if (file.metadata.at("key") == key && file.metadata.at("sha256") == checksum(rows)) return rows;
  } catch (const UserError&) {          // not such a file
  } catch (const std::out_of_range&) {  // an array or a line of metadata is missing
  }
  return std::nullopt;
}

}  // namespace

TokenRows cached_rows(const fs::path& folder, const Tokenizer& tokenizer,
                      std::span<const Story> stories, int64_t length,
                      const TextProgress& progress) {
  const std::string key = rows_key(tokenizer, stories, length);
  const fs::path path = folder / fmt::format("tokens-{}.safetensors", key.substr(0, 16));
  if (std::optional<TokenRows> rows = read(path, key, length)) return std::move(*rows);
  TokenRows rows = rows_of_stories(tokenizer, stories, length, progress);
  try {
    make_folder(folder);
    write(path, rows, key);
  } catch (const UserError&) {  // cut anew the next time; `run` says that nothing can be kept
  }
  return rows;
}

DataTable tables_of(const TokenRows& rows, const std::string& split) {
  struct Arrays {
    NextTokens next;
    std::vector<float> forget;
  };
  const auto arrays = std::make_shared<Arrays>(
      Arrays{next_tokens(rows), {rows.forget.begin(), rows.forget.end()}});
  const std::string hash = checksum(rows);
  const Shape positions{rows.count(), rows.length - 1};
  return {{split + ".x", {{DType::i32, positions}, arrays->next.inputs.data(), hash, arrays}},
          {split + ".y", {{DType::i32, positions}, arrays->next.targets.data(), hash, arrays}},
          {split + ".weight", {{DType::f32, positions}, arrays->next.weights.data(), hash, arrays}},
          {split + ".forget",
           {{DType::f32, Shape{rows.count()}}, arrays->forget.data(), hash, arrays}}};
}

}  // namespace omni
