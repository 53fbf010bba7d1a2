// Arrays in files of the safetensors format.
#include "base/error.h"
#include "fuzz/target.h"
#include "store/files.h"
#include "store/safetensors.h"

namespace omni::fuzz {

// Each name, entry and array of the header is a handful of small objects.
const MemoryBound kMemory{1 << 20, 250};

void read(std::string_view input) {
  const auto file = safetensors::read(file_with(input));
  size_t bytes = 0;
  for (const auto& [name, array] : file.arrays) {
    bytes += array.bytes.size();
    size_t bits = safetensors::bits_of(array.dtype);
    for (const int64_t extent : array.shape) bits *= static_cast<size_t>(extent);
    check(array.bytes.size() * 8 == bits, "'{}' has {} bytes", name, array.bytes.size());
  }
  check(bytes <= input.size(), "{} bytes of arrays in a file of {}", bytes, input.size());

  const auto first = scratch_path("first"), second = scratch_path("second");
  safetensors::write(first, file);
  const auto back = safetensors::read(first);
  safetensors::write(second, back);
  check(read_file(first) == read_file(second), "what was written reads back as something else");
  check(back.metadata == file.metadata && back.arrays.size() == file.arrays.size(),
        "arrays or metadata are lost");
  for (const auto& [name, array] : file.arrays)
    check(back.arrays.at(name).bytes == array.bytes && back.arrays.at(name).shape == array.shape &&
              back.arrays.at(name).dtype == array.dtype,
          "'{}' reads back as another array", name);
}

}  // namespace omni::fuzz
