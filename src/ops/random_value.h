// One random value made of the words of its counter, plainly: what random.h promises.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/random.h"

namespace omni {

// Element `word` of the four uniform values of a counter.
inline double uniform_of(const std::array<uint32_t, 4>& words, int64_t word) {
  return unit_float(words[word]);
}

// Element `word` of the four normal values of a counter.
inline double normal_of(const std::array<uint32_t, 4>& words, int64_t word) {
  const int64_t pair = word / 2 * 2;
  const double u = ((words[pair] >> 8) + 1) * 0x1.0p-24;
  const double angle = 2 * std::numbers::pi * (words[pair + 1] >> 8) * 0x1.0p-24;
  return std::sqrt(-2 * std::log(u)) * (word % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

}  // namespace omni
