// libFuzzer's entry to a target, and what a finding does: stop, and print the lines it came from.
#include <cstddef>
#include <cstdint>

#include "fuzz/target.h"

extern "C" const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

// Binutils' addr2line is there wherever something was linked; LLVM's symbolizer is a package more.
extern "C" const char* __asan_default_options() {
  return "external_symbolizer_path=/usr/bin/addr2line";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  omni::fuzz::take({reinterpret_cast<const char*>(data), size});
  return 0;
}
