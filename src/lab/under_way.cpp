#include "lab/under_way.h"

#include <algorithm>

namespace omni {
namespace {

// More would wait for each other on few cores, and win nothing.
constexpr int64_t kMost = 64;
constexpr int64_t kThreadBytes = int64_t{1} << 20;  // of a job's thread: its stack, graphs, results

// Of the largest model in its slot.
int64_t slot_bytes(const SeedRecord& dry, const std::string& part, const SlotExecutor& executor) {
  int64_t bytes = 0;
  const auto work = dry.work.find(part);
  if (work == dry.work.end()) return bytes;
  for (const auto& [print, item] : work->second.items())
    bytes = std::max(bytes, executor.bytes_per_model({{{"", item.graph, nullptr, 0, 1}}}));
  return bytes;
}

Made made_of(const SeedRecord& dry, const std::string& part) {
  const auto made = dry.made.find(part);
  return made == dry.made.end() ? Made() : made->second;
}

int64_t job_bytes(const SeedRecord& dry, const std::optional<std::string>& part,
                  const SlotExecutor& executor) {
  Made made = made_of(dry, "");
  int64_t slot = slot_bytes(dry, "", executor);
  if (part) {
    const Made more = made_of(dry, *part);
    made.bytes += more.bytes;
    made.of_tables += more.of_tables;
    slot = std::max(slot, slot_bytes(dry, *part, executor));
  }
  // Finished phases are there once more, up to a bound, until they are on the disk.
  return made.bytes + std::min(made.bytes, WorkerOptions{}.most_held_bytes) +
         made.of_tables * executor.bytes_per_table_number() + slot + kThreadBytes;
}

}  // namespace

UnderWay most_under_way(const SeedRecord& dry, const Division& division,
                        const SlotExecutor& executor, size_t jobs, int64_t most_bytes) {
  UnderWay found;
  for (const auto& part : division.parts)
    found.bytes_each = std::max(found.bytes_each, job_bytes(dry, part, executor));
  const int64_t fit = std::max<int64_t>(1, most_bytes / found.bytes_each);
  found.jobs = static_cast<int>(std::min({fit, kMost, static_cast<int64_t>(jobs)}));
  return found;
}

}  // namespace omni
