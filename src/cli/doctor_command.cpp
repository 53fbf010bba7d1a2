// `omni doctor`: what an error report needs to say about a machine, and whether the promises of
// equal bits hold on it.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/build_info.h"
#include "base/machine.h"
#include "base/places.h"
#include "cli/commands.h"
#include "cli/data_table.h"
#include "cli/known_hashes.h"
#include "cli/screen.h"
#include "data/catalogue.h"
#include "executors/cpu/limits.h"
#include "lab/executor_kinds.h"
#include "lab/self_check.h"

namespace omni::cli {
namespace {

namespace fs = std::filesystem;

void line(const char* what, const std::string& found) { say("  {:<14}{}\n", what, found); }

// Free space where `path` is or would be.
std::string free_space(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  const fs::space_info space = fs::space(path, error);
  return error ? error.message() : byte_count(static_cast<double>(space.available)) + " free";
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  const std::string folders = path ? path : "";
  for (size_t begin = 0; begin < folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const fs::path file = fs::path(folders.substr(begin, end - begin)) / name;
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file.string();
    begin = end + 1;
  }
  return "";
}

// Speed of writing to the folder one is in and of having it on the disk, which is what checkpoints
// wait for. Leaves nothing behind. False beside the reason when it cannot be done.
std::pair<bool, std::string> write_speed() {
  constexpr size_t kBlock = size_t{1} << 20, kBlocks = 32;
  std::string name = ".omniscale-doctor-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return {false, fmt::format("NOT WRITABLE: {}", std::strerror(errno))};
  ::unlink(name.c_str());
  const std::string block(kBlock, 'o');
  const auto begin = std::chrono::steady_clock::now();
  bool written = true;
  for (size_t i = 0; i < kBlocks && written; ++i)
    written = ::write(file, block.data(), kBlock) == static_cast<ssize_t>(kBlock);
  written = written && ::fsync(file) == 0;
  const int cause = errno;
  ::close(file);
  if (!written) return {false, fmt::format("WRITING FAILS: {}", std::strerror(cause))};
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return {true,
          fmt::format("{} written and synced in {:.2g} s", byte_count(kBlock * kBlocks), seconds)};
}

// True when every way of training gives the same bits. Whether they are those known for the
// platform is told, but no fault: other sizes of caches are enough for others.
bool show_self_test(const Platform& platform) {
  const std::vector<SelfTest> tests = self_test(cpu::limits().bf16_storage);
  bool fine = true, any_unknown = false, any_other = false;
  for (const SelfTest& t : tests) {
    const uint64_t known = known_hash(platform, t.name);
    std::string found;
    if (!t.problem.empty()) {
      found = fmt::format("FAILED: weights {:016x} alone, but {}", t.hash, t.problem);
      fine = false;
    } else if (known == 0) {
      found = fmt::format("weights {:016x}, in every way ({:.1f} s)", t.hash, t.seconds);
      any_unknown = true;
    } else if (known != t.hash) {
      found = fmt::format("weights {:016x}, in every way, NOT THE KNOWN {:016x}", t.hash, known);
      any_other = true;
    } else {
      found = fmt::format("weights {:016x}, in every way and as known ({:.1f} s)", t.hash,
                          t.seconds);
    }
    line(t.name.c_str(), found);
  }
  if (any_other)
    write_out("\n" + wrapped(fmt::format(
        "Models trained here have other bits than those of the machine on which the known hashes "
        "were made, a {}. On the same machine as before this means that something is broken; on "
        "another, that runs of the two agree in their statistics only.", kTableProcessor), 2));
  if (any_unknown && fine)
    say("\nNo hashes are known for oneDNN {} with {} and Highway with {}; these are yours, as "
        "src/cli/known_hashes.cpp lists them:\n{}", platform.onednn, platform.instructions,
        platform.vectors, known_hash_rows(platform, tests));
  return fine;
}

}  // namespace

int doctor_command(const Context&, const std::string& data_dir) {
  const BuildInfo& b = build_info();
  const Platform platform = this_platform();
  say("Program\n");
  line("version", fmt::format("{}, commit {}", b.version, commit_text()));
  line("executors", fmt::format("{}", fmt::join(executor_names(), ", ")));
  line("built", fmt::format("{}, {}", b.compiler, b.build_type));
  line("oneDNN", fmt::format("{}, using {}", platform.onednn, platform.instructions));
  line("Highway", fmt::format("using {}", platform.vectors));
  say("\nMachine\n");
  line("processor", processor_name());
  line("instructions", instruction_set());
  line("cores", fmt::format("{} usable; runs take as many threads", available_cores()));
  const std::string gnuplot = find_program("gnuplot");
  line("gnuplot", gnuplot.empty() ? "NOT FOUND: reports need it (Debian package gnuplot-nox)"
                                  : gnuplot);
  const DataOptions options = DataOptions::from_environment(data_dir);
  line("this folder", free_space("."));
  const auto [writable, speed] = write_speed();
  line("", speed);
  if (!options.cache.empty())
    line("data cache", fmt::format("{}, {}", options.cache.string(), free_space(options.cache)));
  else
    line("data cache", "none: neither XDG_CACHE_HOME nor HOME names a folder");
  if (const std::string problem = user_cache_problem(); !problem.empty())
    line("", "NOT WRITABLE: " + problem);

  say("\nData sets\n");
  finish_output();  // what follows takes a moment
  const std::vector<DatasetInfo> sets = list_datasets(options);
  write_out(data_table(sets));
  say("\nSelf-test: small networks trained alone, on two threads, after a neighbour and with an "
      "interruption\n");
  finish_output();
  const bool bits_agree = show_self_test(platform);
  bool data_sound = true;
  for (const DatasetInfo& d : sets) data_sound = data_sound && d.state != DatasetState::damaged;
  const bool fine = bits_agree && data_sound && writable && !gnuplot.empty();
  say("\n{}\n", fine ? "Everything is in order." : "Something is wrong: see above.");
  return fine ? 0 : 1;
}

}  // namespace omni::cli
