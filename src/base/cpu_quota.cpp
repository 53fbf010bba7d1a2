#include "base/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace omni {
namespace {

namespace fs = std::filesystem;

// A tree of control groups, and where this process is in it.
struct Groups {
  bool v2 = false;
  fs::path mount, own;  // the folder of the tree, and of the process's own group in or below it
};

std::vector<std::string> split(const std::string& line, char at) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

bool lists_cpu(const std::string& names) {
  const std::vector<std::string> all = split(names, ',');
  return std::ranges::find(all, "cpu") != all.end();
}

// "12:cpu,cpuacct:/user.slice" of /proc/self/cgroup, of version 2 "0::/user.slice"; "" if absent.
std::string group_of_process(const fs::path& root, bool v2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (v2 ? names.empty() : lists_cpu(names)) return line.substr(second + 1);
  }
  return "";
}

// From /proc/self/mountinfo: "30 23 0:26 ROOT MOUNT rw,... - cgroup2 cgroup2 rw,...".
std::vector<Groups> mounted(const fs::path& root) {
  std::vector<Groups> found;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> place = split(line.substr(0, dash), ' ');
    const std::vector<std::string> kind = split(line.substr(dash + 3), ' ');
    if (place.size() < 5 || kind.size() < 3) continue;
    const bool v2 = kind[0] == "cgroup2";
    if (!v2 && !(kind[0] == "cgroup" && lists_cpu(kind[2]))) continue;
    std::string group = group_of_process(root, v2);
    if (group.empty()) continue;
    // A container that sees only its own part of the tree may still be told its name in the whole.
    if (const std::string& part = place[3]; part != "/" && group.starts_with(part))
      group.erase(0, part.size());
    const fs::path mount = root / fs::path(place[4]).relative_path();
    found.push_back({v2, mount, mount / fs::path(group).relative_path()});
  }
  return found;
}

std::optional<double> number_in(const fs::path& file) {
  std::ifstream in(file);
  double x = 0;
  if (in >> x) return x;
  return std::nullopt;
}

std::optional<double> limit_of(const fs::path& group, bool v2) {
  std::optional<double> quota, period;
  if (v2) {
    std::ifstream in(group / "cpu.max");  // "max 100000" without a limit
    double q = 0, p = 0;
    if (in >> q >> p) quota = q, period = p;
  } else {
    quota = number_in(group / "cpu.cfs_quota_us");  // -1 without a limit
    period = number_in(group / "cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const Groups& groups : mounted(root)) {
    const fs::path top = groups.mount.lexically_normal();
    // "..": a namespace whose root is elsewhere; what is above it is not to be seen.
    fs::path group = groups.own.lexically_normal();
    if (group.string().find(top.string()) != 0) group = top;
    for (;; group = group.parent_path()) {
      if (const auto limit = limit_of(group, groups.v2))
        least = std::min(least.value_or(*limit), *limit);
      if (group == top || !group.has_relative_path()) break;
    }
  }
  return least;
}

}  // namespace omni
