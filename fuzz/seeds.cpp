// Seeds as typed: "0..31", "0,4,9".
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "fuzz/target.h"
#include "lab/options.h"

namespace omni::fuzz {

// A million seeds, which ten bytes may ask for, and their copy while the list grows.
const MemoryBound kMemory{20 << 20, 200};

void read(std::string_view input) {
  const std::vector<int64_t> seeds = parse_seeds(input, "--seeds");
  check(!seeds.empty() && seeds.size() <= 1'000'000 && seeds.front() >= 0,
        "{} seeds from {}", seeds.size(), seeds.empty() ? -1 : seeds.front());
  check(std::ranges::adjacent_find(seeds, std::greater_equal{}) == seeds.end(),
        "seeds are not ascending");
  if (seeds.size() > 1000) return;  // reading a list of that length again takes long
  const std::string typed = fmt::format("{}", fmt::join(seeds, ","));
  check(parse_seeds(typed, "--seeds") == seeds, "'{}' reads back as other seeds", typed);
}

}  // namespace omni::fuzz
