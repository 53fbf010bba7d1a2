#include "fuzz/target.h"

#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"

// Of the sanitizers' run-time library (sanitizer/allocator_interface.h); null without it.
extern "C" {
[[gnu::weak]] int __sanitizer_install_malloc_and_free_hooks(
    void (*allocated)(const volatile void*, size_t), void (*freed)(const volatile void*));
[[gnu::weak]] size_t __sanitizer_get_allocated_size(const volatile void*);
}

namespace omni::fuzz {
namespace {

namespace fs = std::filesystem;

int64_t held_bytes = 0, most_held_bytes = 0;

void count_allocated(const volatile void*, size_t bytes) {
  held_bytes += static_cast<int64_t>(bytes);
  most_held_bytes = std::max(most_held_bytes, held_bytes);
}

void count_freed(const volatile void* block) {
  held_bytes -= static_cast<int64_t>(__sanitizer_get_allocated_size(block));
}

void start_counting() {
  static const bool started =
      __sanitizer_install_malloc_and_free_hooks != nullptr &&
      __sanitizer_install_malloc_and_free_hooks(count_allocated, count_freed) != 0;
  static_cast<void>(started);
  held_bytes = most_held_bytes = 0;
}

}  // namespace

std::optional<std::string> take(std::string_view input) {
  start_counting();
  std::optional<std::string> refusal;
  try {
    read(input);
  } catch (const UserError& e) {
    refusal = e.what();
  }
  const int64_t allowed =
      kMemory.bytes + kMemory.bytes_per_input_byte * static_cast<int64_t>(input.size());
  check(most_held_bytes <= allowed, "reading {} bytes held {} bytes of memory, allowed are {}",
        input.size(), most_held_bytes, allowed);
  return refusal;
}

fs::path scratch_path(const char* name) {
  // Removed when the process ends; libFuzzer ends without, see `./omni fuzz`.
  static const TestFolder scratch;
  return scratch.path() / name;
}

fs::path file_with(std::string_view bytes, const char* name) {
  const fs::path path = scratch_path(name);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  check(out.flush().good(), "cannot write {}", path.string());
  return path;
}

}  // namespace omni::fuzz
