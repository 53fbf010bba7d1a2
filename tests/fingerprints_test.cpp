// Weights and metrics of every smoke preset, bit by bit, as they were before the lab was rebuilt:
// tests/fingerprints.txt has them by platform, one line an arm. Where a platform has none the lines
// to add are printed.
#include <fstream>

#include "base/hash.h"
#include "cli/known_hashes.h"
#include "determinism_matrix.h"

namespace omni::testing {
namespace {

// f32 has equal bits on all AVX-512; bf16 that is stored as f32 has, too.
std::string platform() {
  const cli::Platform p = cli::this_platform();
  const bool avx512 = p.instructions.starts_with("AVX-512");
  return fmt::format("{}/{}/{}", p.onednn, avx512 ? "AVX-512" : p.instructions, p.vectors);
}

// By arm: its models of all seeds, and what was measured of them.
std::map<std::string, uint64_t> fingerprints(const Way& w) {
  std::map<std::string, Hash> by_arm;
  for (const auto& [seed, outcome] : train(w, {0, 1}))
    for (const auto& [arm, hash, name, step, value] : outcome) {
      Hash& h = by_arm[arm];
      h.add(seed), h.add(hash), h.add(name), h.add(step), h.add(value);
    }
  std::map<std::string, uint64_t> values;
  for (const auto& [arm, hash] : by_arm) values[arm] = hash.value();
  return values;
}

class Fingerprints : public ::testing::TestWithParam<std::string> {};

TEST_P(Fingerprints, AreThoseOfBefore) {
  std::map<std::string, std::string> known;
  std::ifstream in(OMNI_SOURCE_DIR "/tests/fingerprints.txt");
  for (std::string line; std::getline(in, line);)
    if (const size_t at = line.rfind(' '); at != line.npos)
      known[line.substr(0, at)] = line.substr(at + 1);
  ASSERT_FALSE(known.empty());
  std::string rows;
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (precision == Precision::bf16 && usual_bf16_storage() != DType::f32) continue;
    const std::string name = fmt::format("{} {} {}", platform(), GetParam(),
                                         precision == Precision::f32 ? "f32" : "bf16");
    for (const auto& [arm, value] : fingerprints({GetParam(), precision, 2})) {
      const std::string key = name + " " + arm, found = fmt::format("{:016x}", value);
      if (!known.contains(key))
        rows += fmt::format("{} {}\n", key, found);
      else
        EXPECT_EQ(found, known[key]) << key;
    }
  }
  if (rows.empty()) return;
  std::cout << rows;
  GTEST_SKIP() << "no fingerprints of this platform";
}

std::vector<std::string> experiments() {
  std::vector<std::string> names;
  for (const Experiment& e : catalogue()) names.push_back(e.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Smoke, Fingerprints, ::testing::ValuesIn(experiments()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace omni::testing
