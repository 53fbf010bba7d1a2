// What a new experiment costs before it runs: to configure and build an example against the
// installed library, as in docs/experiments.md.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/test_folder.h"
#include "bench/benches.h"

namespace omni::bench {
namespace {

void shell(const std::string& command) {
  require(std::system((command + " >/dev/null").c_str()) == 0, "failed: {}", command);
}

}  // namespace

void example(Bench& b) {
  constexpr double kTarget_s = 15;
  const TestFolder scratch;
  const auto at = [&](const char* name) {
    return fmt::format("'{}'", (scratch.path() / name).string());
  };
  const std::string installed = at("installed"), build = at("build");
  shell(fmt::format("cmake --install '{}' --prefix {}", OMNI_BUILD_DIR, installed));
  // No compiler cache: the time is that of someone whose experiment is new.
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  shell(
      fmt::format("CCACHE_DISABLE=1 cmake -G Ninja -S '{}' -B {} -D CMAKE_BUILD_TYPE=Release "
                  "-D CMAKE_PREFIX_PATH={}",
                  OMNI_EXAMPLE_DIR, build, installed));
  shell(fmt::format("CCACHE_DISABLE=1 cmake --build {}", build));
  b.add({"example.build", std::chrono::duration<double>(Clock::now() - begin).count(), "s",
         kTarget_s, true, "configuring and building my_idea"});
}

}  // namespace omni::bench
