// Aligned memory that owns itself and never initialises what it is told not to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace omni {

inline constexpr int64_t kAlignment = 64;  // a cache line, and the widest vector

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// A move-only, uninitialised, 64-byte aligned block of bytes. Throws std::bad_alloc.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(int64_t bytes)
      : data_(bytes == 0 ? nullptr : std::aligned_alloc(kAlignment, round_up(bytes, kAlignment))),
        size_(bytes) {
    if (bytes != 0 && !data_) throw std::bad_alloc();
  }
  AlignedBytes(AlignedBytes&& o) noexcept { swap(o); }
  AlignedBytes& operator=(AlignedBytes&& o) noexcept {
    swap(o);
    return *this;
  }
  ~AlignedBytes() { std::free(data_); }

  std::byte* data() { return static_cast<std::byte*>(data_); }
  const std::byte* data() const { return static_cast<const std::byte*>(data_); }
  int64_t size() const { return size_; }

 private:
  void swap(AlignedBytes& o) {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
  }
  void* data_ = nullptr;
  int64_t size_ = 0;
};

// As memset to 0. But whole pages of large blocks, which must be of malloc's kind, are given back
// to the system, which reads them as zeros: what nobody writes to then takes no memory and no time.
void zero(void* data, int64_t bytes);

// Throws std::bad_alloc unless so many bytes can be had now. They are given back: this is for those
// who cannot bear to be refused memory.
void require_memory(int64_t bytes);

}  // namespace omni
