// A 64-bit hash taken piece by piece: fingerprints of graphs, phases and models.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/random.h"

namespace omni {

// Texts stay apart: ("ab", "c") is another than ("a", "bc"). A list needs its length before it.
class Hash {
 public:
  void add(uint64_t x) { h_ = Key{h_}.fold(x).bits; }
  void add(int64_t x) { add(static_cast<uint64_t>(x)); }
  void add(int x) { add(static_cast<uint64_t>(x)); }
  void add(double x) { add(std::bit_cast<uint64_t>(x)); }
  void add(std::string_view s) { add(hash_text(s)); }
  uint64_t value() const { return h_; }

 private:
  uint64_t h_ = 0;
};

}  // namespace omni
