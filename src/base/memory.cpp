#include "base/memory.h"

#include <sys/mman.h>

namespace omni {

// Not by malloc, whose ways with large blocks change once one has been freed.
void require_memory(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* const block =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  munmap(block, size);
}

}  // namespace omni
