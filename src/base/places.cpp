#include "base/places.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace omni {
namespace {

std::filesystem::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::filesystem::path user_cache() {
  if (const auto base = environment("XDG_CACHE_HOME"); base.is_absolute())
    return base / "omniscale";
  const auto home = environment("HOME");
  return home.is_absolute() ? home / ".cache" / "omniscale" : std::filesystem::path();
}

std::string user_cache_problem() {
  const std::filesystem::path cache = user_cache();
  if (cache.empty()) return "";
  std::error_code error;
  std::filesystem::create_directories(cache, error);
  if (!error && ::access(cache.c_str(), W_OK | X_OK) != 0)
    error = std::error_code(errno, std::generic_category());
  return error ? fmt::format("{}: {}", cache.string(), error.message()) : "";
}

}  // namespace omni
