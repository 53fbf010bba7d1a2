// Counter-based random numbers: a value depends on its key and its position alone, never on what
// was drawn before it. Keys are derived from a seed by folding in visible names and numbers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace omni {

// 64-bit FNV-1a with a final avalanche: names of purposes, content fingerprints of short texts.
constexpr uint64_t hash_text(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  return h ^ (h >> 33);
}

// Four 32-bit words at position (a, b, c, d) of the stream `key` (Philox4x32-10, Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123's implementation).
std::array<uint32_t, 4> philox(uint64_t key, uint32_t a, uint32_t b, uint32_t c, uint32_t d);

// 24 random bits as a float in [0, 1).
constexpr float unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1.0p-24f; }

// A random key. Folding gives an independent key; the same folds give the same key everywhere.
struct Key {
  uint64_t bits = 0;

  static Key of(uint64_t seed);                // the root key of a seed
  Key fold(std::string_view name) const;       // for instance key.fold("init")
  Key fold(uint64_t number) const;             // for instance key.fold(epoch)
  bool operator==(const Key&) const = default;
};

// A sequential reader of one key's stream for code on the host: initialisers, generators, splits.
class Stream {
 public:
  explicit Stream(Key key) : key_(key) {}

  uint32_t bits();                  // 32 random bits
  double uniform();                 // [0, 1), 53 bits
  double normal();                  // N(0, 1), Box-Muller
  uint64_t below(uint64_t bound);   // 0..bound-1 without bias; bound >= 1

 private:
  Key key_;
  uint64_t position_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

// A uniformly random order of 0..count-1 (Fisher-Yates).
std::vector<int32_t> permutation(Key key, int64_t count);
void permute(Key key, std::span<int32_t> order);  // the same, into memory that is there

}  // namespace omni
