#include "base/build_info.h"

#include <link.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"

namespace omni {
namespace {

// What LD_PRELOAD was when this process began: a preloaded library may have taken it out of the
// environment since, to spare children.
std::string preloaded_at_start() {
  std::ifstream environment("/proc/self/environ", std::ios::binary);
  for (std::string variable; std::getline(environment, variable, '\0');)
    if (variable.starts_with("LD_PRELOAD=")) return variable;
  return "";
}

// What this process has loaded and the system did not bring: an experiment's own libraries, and
// ours where it is a shared one. Preloaded libraries are no part of a build.
std::vector<std::string> own_libraries() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        if (is_own_library(info->dlpi_name))
          static_cast<std::vector<std::string>*>(to)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
  const std::string preloaded = preloaded_at_start();
  std::erase_if(paths,
                [&](const std::string& path) { return preloaded.find(path) != std::string::npos; });
  std::ranges::sort(paths);
  return paths;
}

// False if it cannot be read.
bool add_file(Sha256& sum, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::vector<char> chunk(1 << 20);
  while (file.read(chunk.data(), std::ssize(chunk)), file.gcount() > 0)
    sum.add(std::as_bytes(std::span(chunk)).first(static_cast<size_t>(file.gcount())));
  return true;
}

}  // namespace

std::string commit_text() {
  return std::string(build_info().commit) + (build_info().dirty ? ", changed" : "");
}

bool is_own_library(std::string_view path) {
  if (!path.starts_with('/')) return false;  // the program itself, the kernel's page
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("libomniscale")) return true;
  return std::ranges::none_of(
      std::to_array<std::string_view>({"/lib/", "/lib64/", "/lib32/", "/usr/lib/", "/usr/lib64/"}),
      [&](std::string_view folder) { return path.starts_with(folder); });
}

std::string place_in_program(const void* what) {
  struct Search {
    uintptr_t address;
    std::string found;
  } search{reinterpret_cast<uintptr_t>(what), ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        auto& s = *static_cast<Search*>(to);
        const uintptr_t place = s.address - info->dlpi_addr;
        const std::span segments(info->dlpi_phdr, info->dlpi_phnum);
        const bool is_here = std::ranges::any_of(segments, [&](const auto& segment) {
          return segment.p_type == PT_LOAD && place - segment.p_vaddr < segment.p_memsz;
        });
        if (!is_here) return 0;
        const std::string_view path = info->dlpi_name;
        s.found = std::string(path.substr(path.rfind('/') + 1)) + "+" + std::to_string(place);
        return 1;
      },
      &search);
  check(!search.found.empty(), "what is no part of the program is looked for in it");
  return search.found;
}

std::string program_hash() {
  static const std::string hash = [] {
    Sha256 sum;
    if (!add_file(sum, "/proc/self/exe")) return std::string();
    for (const std::string& library : own_libraries()) add_file(sum, library);
    return sum.hex().substr(0, 12);
  }();
  return hash;
}

}  // namespace omni
