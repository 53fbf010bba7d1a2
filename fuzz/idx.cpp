// IDX files, plain or gzipped. The first byte chooses how many dimensions are asked for.
#include <numeric>
#include <span>

#include "base/error.h"
#include "data/idx.h"
#include "fuzz/target.h"

namespace omni::fuzz {
namespace {

constexpr size_t kLargestBytes = 1 << 20;  // what a caller knows of the file it wants

}  // namespace

// The decompressed bytes, their copy while they grow, and a block each of inflating and reading.
const MemoryBound kMemory{4 << 20, 8};

void read(std::string_view input) {
  require(!input.empty(), "no dimensions");
  const int dimensions = 1 + static_cast<unsigned char>(input[0]) % 4;
  input.remove_prefix(1);
  const auto bytes = std::as_bytes(std::span(input));
  const auto whole = decompress({bytes.begin(), bytes.end()}, kLargestBytes, "input");
  check(whole.size() <= kLargestBytes, "{} bytes", whole.size());
  check(read_bytes(file_with(input), kLargestBytes) == whole, "the file differs from its bytes");

  const Idx idx = parse_idx(whole, dimensions, "input");
  check(static_cast<int>(idx.shape.size()) == dimensions, "{} dimensions", idx.shape.size());
  const size_t header = 4 + 4 * idx.shape.size();
  const int64_t count =
      std::accumulate(idx.shape.begin(), idx.shape.end(), int64_t{1}, std::multiplies{});
  check(static_cast<size_t>(count) == idx.elements.size(), "{} elements", idx.elements.size());
  check(idx.elements.data() == whole.data() + header &&
            idx.elements.size() + header == whole.size(),
        "the elements are not the bytes after the header");
}

}  // namespace omni::fuzz
