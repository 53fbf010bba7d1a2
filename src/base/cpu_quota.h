// How much time of processors control groups leave to this process, as containers limit it
// (docker run --cpus, Kubernetes' limits, systemd's CPUQuota).
#pragma once

#include <filesystem>
#include <optional>

namespace omni {

// In cores, the least of the process's group and all groups around it, of both versions (cpu.max;
// cpu.cfs_quota_us by cpu.cfs_period_us). Nothing where there is no limit, or none can be read.
// `root` stands before every path: that of a system of files made for a test.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace omni
