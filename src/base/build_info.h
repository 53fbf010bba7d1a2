// Which Omniscale this is: what a run's record and `doctor` say about the program.
#pragma once

#include <string>
#include <string_view>

namespace omni {

struct BuildInfo {
  std::string_view version;     // "0.1.0"
  std::string_view commit;      // 12 hexadecimal digits, or "unknown" outside a git checkout
  bool dirty;                   // sources differed from that commit when the program was built
  std::string_view compiler;    // "gcc 12.2.0"
  std::string_view build_type;  // "Release", "Release, address,undefined sanitizer"
  std::string_view library;     // of all sources and the compiler that a model's bits depend on
};

const BuildInfo& build_info();

// "28b4a0e4c8f1", or "28b4a0e4c8f1, changed".
std::string commit_text();
// A fingerprint of this very program, 12 hexadecimal digits, with the shared libraries that it was
// built with but those of the system (under /lib, /usr/lib and the like, and preloaded ones):
// programs of one commit differ where their sources were changed. Empty if the program's file
// cannot be read.
std::string program_hash();
// Where in this program, or in which library of it, something lies that is no local variable: in
// every start of one build the same, and of two things never.
std::string place_in_program(const void* what);
// Whether a loaded library belongs to the build: it lies outside of the system's folders, or is
// Omniscale's own.
bool is_own_library(std::string_view path);

}  // namespace omni
