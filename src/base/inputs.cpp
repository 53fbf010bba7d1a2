#include "base/inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/sha256.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

thread_local Inputs* reading = nullptr;

std::string hash_of_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe may be empty
  if (file < 0) return kAbsent;
  struct stat status = {};
  if (fstat(file, &status) != 0 || S_ISDIR(status.st_mode)) return close(file), kAbsent;
  if (!S_ISREG(status.st_mode)) {
    close(file);
    fail_user(
        "'{}' is a pipe or a device: a run reads its files more than once. Save what comes "
        "from there as a file and give that",
        path);
  }
  Sha256 sum;
  std::vector<std::byte> block(1 << 20);
  ssize_t n = 0;
  while ((n = ::read(file, block.data(), block.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;  // the reader will say so
    sum.add(std::span(block).first(static_cast<size_t>(n)));
  }
  close(file);
  return n < 0 ? kAbsent : sum.hex();
}

std::string hash_of_names(const Input& input) {
  std::set<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator entry(input.path, error), end;
  if (error) return kAbsent;
  for (; !error && entry != end; entry.increment(error))
    if (std::error_code ignored; entry->is_regular_file(ignored))
      if (const std::string name = entry->path().string(); name.ends_with(input.ending))
        names.insert(name.substr(input.path.size()));
  Sha256 sum;
  for (const std::string& name : names)
    sum.add(std::as_bytes(std::span(name.c_str(), name.size() + 1)));
  return sum.hex();
}

}  // namespace

std::string to_string(const Input& input) {
  if (input.ending.empty()) return fmt::format("'{}'", input.path);
  return fmt::format("the list of files *{} in '{}'", input.ending, input.path);
}

std::string content_hash(const Input& input) {
  return input.ending.empty() ? hash_of_file(input.path) : hash_of_names(input);
}

std::string short_hash(const std::string& hash) {
  return hash == kAbsent ? hash : hash.substr(0, 12);
}

std::string changed_input(const InputHashes& then, const InputHashes& now) {
  for (const auto& [input, was] : then) {
    const auto read = now.find(input);
    const std::string is = read != now.end() ? read->second : content_hash(input);
    if (is == was) continue;
    if (is == kAbsent)
      return fmt::format("{} had SHA-256 {} then and cannot be read now", to_string(input),
                         short_hash(was));
    if (was == kAbsent) return fmt::format("{} was not there then", to_string(input));
    return fmt::format("{} has SHA-256 {} now and had {} then", to_string(input), short_hash(is),
                       short_hash(was));
  }
  return "";
}

uint64_t hash_of(const InputHashes& hashes) {
  Hash hash;
  for (const auto& [input, sum] : hashes)
    hash.add(input.path), hash.add(input.ending), hash.add(sum);
  return hash.value();
}

void Inputs::note(const Input& input, const std::string& hash) {
  const std::lock_guard lock(mutex_);
  const std::string& known = hashes_.try_emplace(input, hash).first->second;
  require(known == hash,
          "{} changed while a run reads it: its content has SHA-256 {} now and had {} "
          "before. Restore it and give the same command again, or begin anew with --anew",
          to_string(input), short_hash(hash), short_hash(known));
}

void Inputs::expect(const InputHashes& hashes) {
  const std::lock_guard lock(mutex_);
  hashes_.insert(hashes.begin(), hashes.end());
}

InputHashes Inputs::all() const {
  const std::lock_guard lock(mutex_);
  return hashes_;
}

size_t Inputs::count() const {
  const std::lock_guard lock(mutex_);
  return hashes_.size();
}

ReadsInputs::ReadsInputs(Inputs* inputs) : before_(reading) { reading = inputs; }
ReadsInputs::~ReadsInputs() { reading = before_; }

void note_input(const fs::path& file) {
  if (!reading) return;
  const Input input{file.string()};
  reading->note(input, content_hash(input));
}

void note_input(const fs::path& folder, const std::string& ending) {
  if (!reading) return;
  const Input input{folder.string(), ending};
  reading->note(input, content_hash(input));
}

bool has_input(const fs::path& path) {
  std::error_code ignored;  // what else is wrong shows when it is read
  const bool there = fs::exists(path, ignored);
  if (!there && reading) reading->note({path.string()}, kAbsent);
  return there;
}

}  // namespace omni
