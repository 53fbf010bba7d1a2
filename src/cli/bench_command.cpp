// `omni bench`: hands over to the benchmark program that was built beside this one.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/screen.h"

namespace omni::cli {

int bench_command(const std::vector<std::string>& words) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto bench = self.parent_path() / "omniscale-bench";
  require(!error && std::filesystem::exists(bench),
          "the benchmarks are not built here (no '{}'); `./omni bench` at the root of the sources "
          "builds and runs them",
          bench.string());
  std::string name = bench.string();
  std::vector<std::string> copies = words;
  std::vector<char*> arguments = {name.data()};
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  finish_output();
  signal(SIGPIPE, SIG_DFL);
  execv(name.c_str(), arguments.data());
  fail_user("cannot start '{}': {}", name, std::strerror(errno));
}

}  // namespace omni::cli
