// A fuzz target reads one format from any bytes at all. NAME.cpp in this folder defines read() and
// kMemory for one format; libFuzzer (fuzzer.cpp) and the run over the kept inputs in corpus/NAME
// (corpus.cpp, part of the tests) both go through take().
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace omni::fuzz {

// Reads `input`. Throws UserError where it is refused, and Bug where what was accepted breaks a
// promise of the reader's. Any other exception is a finding, too.
void read(std::string_view input);

// The most memory that reading may hold at any moment.
struct MemoryBound {
  int64_t bytes = 0, bytes_per_input_byte = 0;
};
extern const MemoryBound kMemory;

// Why read() refuses `input`; nothing where it accepts. Throws Bug where reading held more memory
// than it may, which is measured in builds with the address sanitizer.
std::optional<std::string> take(std::string_view input);

// A file with these bytes, for readers that take paths; each call with the same name replaces it.
std::filesystem::path file_with(std::string_view bytes, const char* name = "input");

// A path beside it where nothing is kept between inputs.
std::filesystem::path scratch_path(const char* name);

}  // namespace omni::fuzz
