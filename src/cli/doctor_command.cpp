// `omni doctor`: what an error report needs to say about a machine, and whether the promise of
// equal bits on any number of threads holds on it.
#include <dnnl.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/build_info.h"
#include "base/machine.h"
#include "cli/commands.h"
#include "cli/data_table.h"
#include "cli/screen.h"
#include "data/catalogue.h"
#include "lab/debug.h"

namespace omni::cli {
namespace {

namespace fs = std::filesystem;

std::string isa_name(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41: return "SSE4.1";
    case dnnl::cpu_isa::avx: return "AVX";
    case dnnl::cpu_isa::avx2: return "AVX2";
    case dnnl::cpu_isa::avx512_core: return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni: return "AVX-512 with VNNI";
    case dnnl::cpu_isa::avx512_core_bf16: return "AVX-512 with bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "AVX-512 with AMX";
    default: return fmt::format("number {}", static_cast<int>(isa));
  }
}

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

// Equal bits on one and two threads, in both precisions. True when they are.
bool self_test() {
  bool fine = true;
  for (const auto& [precision, name] :
       {std::pair{Precision::f32, "f32"}, {Precision::bf16, "bf16"}}) {
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t one = tiny_training_hash(precision, 1), two = tiny_training_hash(precision, 2);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fine = fine && one == two;
    line(name, one == two
                   ? fmt::format("weights {:016x} on 1 and on 2 threads ({:.1f} s)", one, seconds)
                   : fmt::format("FAILED: weights {:016x} on 1 thread, {:016x} on 2", one, two));
  }
  return fine;
}

}  // namespace

int doctor_command(const Context&, const std::string& data_dir) {
  const BuildInfo& b = build_info();
  const dnnl_version_t* dnn = dnnl_version();
  say("Program\n");
  line("version", fmt::format("{}, commit {}{}", b.version, b.commit,
                              b.dirty ? " with changes" : ""));
  line("built", fmt::format("{}, {}", b.compiler, b.build_type));
  line("oneDNN", fmt::format("{}.{}.{}, using {}", dnn->major, dnn->minor, dnn->patch,
                             isa_name(dnnl::get_effective_cpu_isa())));
  say("\nMachine\n");
  line("processor", processor_name());
  line("instructions", instruction_set());
  line("cores", fmt::format("{} usable; runs take as many threads", available_cores()));
  const std::string gnuplot = find_program("gnuplot");
  line("gnuplot", gnuplot.empty() ? "NOT FOUND: reports need it (Debian package gnuplot-nox)"
                                  : gnuplot);
  const DataOptions options = DataOptions::from_environment(data_dir);
  line("this folder", free_space("."));
  if (!options.cache.empty())
    line("data cache", fmt::format("{}, {}", options.cache.string(), free_space(options.cache)));

  say("\nData sets\n");
  finish_output();  // what follows takes a moment
  const std::vector<DatasetInfo> sets = list_datasets(options);
  write_out(data_table(sets));
  say("\nSelf-test: a tiny network trained twice\n");
  finish_output();
  const bool bits_agree = self_test();
  bool data_sound = true;
  for (const DatasetInfo& d : sets) data_sound = data_sound && d.state != DatasetState::damaged;
  const bool fine = bits_agree && data_sound && !gnuplot.empty();
  say("\n{}\n", fine ? "Everything is in order." : "Something is wrong: see above.");
  return fine ? 0 : 1;
}

}  // namespace omni::cli
