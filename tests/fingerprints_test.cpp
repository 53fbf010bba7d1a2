// Weights and metrics of every smoke preset have the bits of tests/fingerprints.txt, one line an
// arm, on the processor where they were recorded. A change that means to alter bits records them
// anew: the test prints the lines of this platform when they differ or are not there.
#include <fstream>
#include <iostream>

#include "base/hash.h"
#include "base/machine.h"
#include "cli/known_hashes.h"
#include "determinism_matrix.h"
#include "executors/cpu/limits.h"

namespace omni::testing {
namespace {

// Of f32 the bits are equal on all AVX-512, and of bf16 that is kept as f32 words.
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

TEST_P(Fingerprints, AreTheRecordedOnes) {
  // Others of its platform may differ, as oneDNN looks at the sizes of caches, too.
  if (processor_name() != cli::kTableProcessor) GTEST_SKIP() << "recorded on another processor";
  std::map<std::string, std::string> found, known;
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (precision == Precision::bf16 && cpu::limits().bf16_storage != DType::f32) continue;
    const std::string name = fmt::format("{} {} {} ", platform(), GetParam(),
                                         precision == Precision::f32 ? "f32" : "bf16");
    for (const auto& [arm, value] : fingerprints({GetParam(), precision, 2}))
      found[name + arm] = fmt::format("{:016x}", value);
    std::ifstream in(OMNI_SOURCE_DIR "/tests/fingerprints.txt");
    for (std::string line; std::getline(in, line);)
      if (line.starts_with(name))
        known[line.substr(0, line.rfind(' '))] = line.substr(line.rfind(' ') + 1);
  }
  EXPECT_TRUE(known.empty() || found == known) << "other bits, or other arms";
  if (found != known)
    for (const auto& [name, value] : found) std::cout << name << " " << value << "\n";
  if (known.empty()) GTEST_SKIP() << "none recorded with these libraries and instructions";
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
