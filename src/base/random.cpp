#include "base/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"

namespace omni {

std::array<uint32_t, 4> philox(uint64_t key, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  const r123::Philox4x32::key_type k = {
      {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  const auto r = r123::Philox4x32()({{a, b, c, d}}, k);
  return {r[0], r[1], r[2], r[3]};
}

namespace {

// The last counter word tells apart the uses of a key: deriving other keys and reading a stream.
// Graph ops put the hash of their purpose there.
constexpr uint32_t kFold = 0x666f6c64, kStream = 0x73747265;

uint64_t mix(uint64_t key, uint64_t number) {
  const auto r = philox(key, static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), 0,
                        kFold);
  return r[0] | static_cast<uint64_t>(r[1]) << 32;
}

}  // namespace

Key Key::of(uint64_t seed) { return {mix(0x6f6d6e697363616cull, seed)}; }
Key Key::fold(std::string_view name) const { return {mix(bits, hash_text(name))}; }
Key Key::fold(uint64_t number) const { return {mix(bits ^ 0x9e3779b97f4a7c15ull, number)}; }

uint32_t Stream::bits() {
  if (used_ == 4) {
    block_ = philox(key_.bits, static_cast<uint32_t>(position_),
                    static_cast<uint32_t>(position_ >> 32), 0, kStream);
    ++position_;
    used_ = 0;
  }
  return block_[used_++];
}

double Stream::uniform() {
  const uint64_t high = bits() >> 5, low = bits() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1.0p-53;
}

double Stream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

uint64_t Stream::below(uint64_t bound) {
  check(bound >= 1, "Stream::below: bound must be at least 1");
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // reject the uneven rest
  for (;;) {
    const uint64_t high = bits(), low = bits();
    const uint64_t r = high << 32 | low;
    if (r < limit) return r % bound;
  }
}

std::vector<int32_t> permutation(Key key, int64_t count) {
  std::vector<int32_t> order(count);
  permute(key, order);
  return order;
}

void permute(Key key, std::span<int32_t> order) {
  std::iota(order.begin(), order.end(), 0);
  Stream stream(key);
  for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[stream.below(i + 1)]);
}

}  // namespace omni
