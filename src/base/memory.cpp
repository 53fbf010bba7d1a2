#include "base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace omni {

void zero(void* data, int64_t bytes) {
  constexpr int64_t kLarge = 1 << 18;  // below it a call of the system takes longer than to write
  auto* const begin = static_cast<std::byte*>(data);
  if (bytes >= kLarge) {
    static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto from = reinterpret_cast<uintptr_t>(begin), to = from + static_cast<uintptr_t>(bytes);
    const uintptr_t first = (from + page - 1) / page * page, last = to / page * page;
    if (madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED) == 0) {
      std::memset(begin, 0, first - from);
      std::memset(reinterpret_cast<void*>(last), 0, to - last);
      return;
    }
  }
  std::memset(begin, 0, static_cast<size_t>(bytes));
}

// Not by malloc, whose ways with large blocks change once one has been freed.
void require_memory(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* const block =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  munmap(block, size);
}

}  // namespace omni
