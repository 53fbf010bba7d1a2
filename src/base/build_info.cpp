#include "base/build_info.h"

#include <fstream>
#include <vector>

#include "base/sha256.h"

namespace omni {

std::string commit_text() {
  return std::string(build_info().commit) + (build_info().dirty ? ", changed" : "");
}

std::string program_hash() {
  static const std::string hash = [] {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    if (!file) return std::string();
    Sha256 sum;
    std::vector<char> chunk(1 << 20);
    while (file.read(chunk.data(), std::ssize(chunk)), file.gcount() > 0)
      sum.add(std::as_bytes(std::span(chunk)).first(static_cast<size_t>(file.gcount())));
    return sum.hex().substr(0, 12);
  }();
  return hash;
}

}  // namespace omni
