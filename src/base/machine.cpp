#include "base/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/cpu_quota.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace omni {

namespace {

int cores_to_run_on() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

int available_cores() {
  const int cores = cores_to_run_on();
  const std::optional<double> quota = cpu_quota();
  if (!quota || *quota >= cores) return cores;
  return std::max(1, static_cast<int>(std::ceil(*quota)));
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (const size_t at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
  return "unknown processor";
}

std::string instruction_set() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vl"))
    return __builtin_cpu_supports("avx512bf16") ? "avx512_bf16" : "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  return "sse";
#elif defined(__aarch64__)
  return "neon";
#else
  return "generic";
#endif
}

std::string machine_description() {
  return fmt::format("{}, {} cores, {}", processor_name(), available_cores(), instruction_set());
}

}  // namespace omni
