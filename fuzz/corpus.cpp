// Runs one target over its kept inputs: corpus/NAME/good-* must be accepted, bad-* refused, and any
// other file (what fuzzing found) may be either.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/target.h"

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  return bytes.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
    return 2;
  }
  int accepted = 0, refused = 0, wrong = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    const std::string name = entry.path().filename().string();
    try {
      const std::optional<std::string> refusal = omni::fuzz::take(content_of(entry.path()));
      ++(refusal ? refused : accepted);
      if (!name.starts_with(refusal ? "good-" : "bad-")) continue;
      std::fprintf(stderr, "%s: %s\n", name.c_str(), refusal ? refusal->c_str() : "accepted");
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
    }
    ++wrong;
  }
  std::printf("%d accepted, %d refused, %d wrong\n", accepted, refused, wrong);
  return wrong == 0 && accepted > 0 && refused > 0 ? 0 : 1;
}
