// What the golden tests share with the scripts in tools/ that print their numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace omni {

// Weights and data by a formula that both sides know: no files to exchange.
inline std::vector<float> fill(int64_t count, int salt, double scale) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(i);
    values.push_back(static_cast<float>(
        scale * std::sin(0.7 * x + 1.3 * salt + 0.01 * x * static_cast<double>(i % 13))));
  }
  return values;
}

}  // namespace omni
