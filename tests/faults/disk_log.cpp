#include "disk_log.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "store/files.h"

namespace omni::faults {

namespace fs = std::filesystem;

std::vector<Change> read_log(const fs::path& log) {
  const std::string text = read_file(log);
  std::vector<Change> changes;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    check(end != std::string::npos, "the log of changes ends within a line");
    std::istringstream head(text.substr(at, end - at));
    Change& c = changes.emplace_back();
    size_t length = 0;
    head >> c.what >> c.number >> length;
    head.get();  // the space before the path, which may be empty
    std::getline(head, c.path);
    check(text.size() - end - 1 >= length, "the log of changes lacks the data of '{}'", c.path);
    c.data = text.substr(end + 1, length);
    at = end + 1 + length;
  }
  return changes;
}

Disk::Disk() { nodes_.push_back({.folder = true}); }

int Disk::find(const fs::path& path) const {
  int node = 0;
  for (const fs::path& part : path) {
    if (part.empty()) continue;
    const auto& names = nodes_[static_cast<size_t>(node)].names;
    const auto found = names.find(part.string());
    if (found == names.end()) return -1;
    node = found->second;
  }
  return node;
}

void Disk::link(const fs::path& path, int node) {
  const int folder = find(path.parent_path());
  check(folder >= 0, "a change to '{}', whose folder was not seen", path.string());
  nodes_[static_cast<size_t>(folder)].names[path.filename().string()] = node;
}

void Disk::unlink(const fs::path& path) {
  const int folder = find(path.parent_path());
  if (folder >= 0) nodes_[static_cast<size_t>(folder)].names.erase(path.filename().string());
}

void Disk::apply(const Change& c) {
  if (c.what == "create" || c.what == "mkdir") {
    nodes_.push_back({.folder = c.what == "mkdir"});
    return link(c.path, static_cast<int>(nodes_.size()) - 1);
  }
  if (c.what == "remove") return unlink(c.path);
  const int id = find(c.path);
  check(id >= 0, "a change ({}) to '{}', which was not seen", c.what, c.path);
  Node& node = nodes_[static_cast<size_t>(id)];
  if (c.what == "rename") {
    unlink(c.path);
    link(c.data, id);
  } else if (c.what == "sync") {
    node.synced = node.now;
    node.synced_names = node.names;
  } else if (c.what == "truncate") {
    node.now.resize(static_cast<size_t>(c.number));
  } else {
    check(c.what == "write", "an unknown change '{}'", c.what);
    const auto offset = static_cast<size_t>(c.number);
    node.now.resize(std::max(node.now.size(), offset + c.data.size()));
    node.now.replace(offset, c.data.size(), c.data);
  }
}

void Disk::write_remains(const fs::path& folder, UnsyncedNames names) const {
  write_node(0, folder, names);
}

void Disk::write_node(int id, const fs::path& path, UnsyncedNames names) const {
  const Node& node = nodes_[static_cast<size_t>(id)];
  if (!node.folder) {
    std::ofstream(path, std::ios::binary) << node.synced;
    return;
  }
  fs::create_directories(path);
  for (const auto& [name, child] : names == UnsyncedNames::kept ? node.names : node.synced_names)
    write_node(child, path / name, names);
}

}  // namespace omni::faults
