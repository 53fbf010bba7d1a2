// The bits that the self-test is known to end with, by what decides them: the version of oneDNN,
// the instructions it uses, and those of our own vector loops.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lab/self_check.h"

namespace omni::cli {

struct Platform {
  std::string onednn;        // "2.6.3"
  std::string instructions;  // that oneDNN uses: "AVX-512 with AMX"; DNNL_MAX_CPU_ISA lowers them
  std::string vectors;       // Highway's target: "AVX3"; sums over a vector's lanes depend on it
};
Platform this_platform();

// The known hash of one training of the self-test; 0 where none is known.
uint64_t known_hash(const Platform& platform, const std::string& self_test);

// The processor on which the table was made. Others of its platform may still differ, as oneDNN
// looks at the sizes of caches, too.
inline constexpr const char* kTableProcessor = "Intel(R) Xeon(R) Processor";

// Rows for the table of known hashes, as source text: the way to add a platform. Run `omni doctor`
// there, with nothing reported as different, and paste what it prints.
std::string known_hash_rows(const Platform& platform, std::span<const SelfTest> tests);

}  // namespace omni::cli
