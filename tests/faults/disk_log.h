// What a disk would hold after a power loss: replays the changes that failing_files.cpp wrote down
// on a small model of a file system that knows what was synced.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace omni::faults {

struct Change {
  std::string what, path, data;  // as in failing_files.cpp
  int64_t number = 0;            // an offset or a size
};
std::vector<Change> read_log(const std::filesystem::path& log);

// What became of names (of new, renamed and removed files) whose folder was not yet synced. The
// contents of files that were not synced are lost in both cases.
enum class UnsyncedNames { lost, kept };

class Disk {
 public:
  Disk();
  void apply(const Change& change);
  // Writes what is left after a power loss now below `folder`, which exists and is empty.
  void write_remains(const std::filesystem::path& folder, UnsyncedNames names) const;

 private:
  struct Node {
    bool folder = false;
    std::string now, synced;                   // contents of a file
    std::map<std::string, int> names, synced_names;  // of a folder: nodes
  };
  int find(const std::filesystem::path& path) const;  // -1 when absent
  void link(const std::filesystem::path& path, int node);
  void unlink(const std::filesystem::path& path);
  void write_node(int node, const std::filesystem::path& path, UnsyncedNames names) const;

  std::vector<Node> nodes_;
};

}  // namespace omni::faults
