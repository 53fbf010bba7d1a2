// What a run reads from files, known by content: a run that goes on must read what it read before.
// Whatever opens a file for an experiment says so here first (tests/layering_test.cpp holds all
// sources to it), so that no kind of input can be left out.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace omni {

struct Input {
  std::string path;         // as it was asked for
  std::string ending = {};  // not empty: which files under the folder `path` have names that end so
  auto operator<=>(const Input&) const = default;
};
std::string to_string(const Input& input);  // "'stories.txt'", "the files *.txt in 'stories'"

// SHA-256 of the file's bytes, or of the sorted names; kAbsent where nothing can be read there.
std::string content_hash(const Input& input);
inline constexpr const char* kAbsent = "absent";
std::string short_hash(const std::string& hash);  // for messages: its first digits

using InputHashes = std::map<Input, std::string>;

// A clause about the first input that is not what it was then, say "'stories.txt' has SHA-256
// 0123456789ab now and had ba9876543210 then"; empty if there is none. What `now` does not hold is
// read again.
std::string changed_input(const InputHashes& then, const InputHashes& now = {});
uint64_t hash_of(const InputHashes& hashes);

// The inputs of one run, from any number of threads.
class Inputs {
 public:
  // UserError if it was noted before with another content.
  void note(const Input& input, const std::string& hash);
  // What an earlier start of the run read, so that this one reads the same.
  void expect(const InputHashes& hashes);
  InputHashes all() const;
  size_t count() const;

 private:
  mutable std::mutex mutex_;
  InputHashes hashes_;
};

// While it lives, what this thread reads belongs to `inputs`; to nothing where that is null, for
// files that the program keeps for itself (checkpoints, caches).
class ReadsInputs {
 public:
  explicit ReadsInputs(Inputs* inputs);
  ~ReadsInputs();
  ReadsInputs(const ReadsInputs&) = delete;
  ReadsInputs& operator=(const ReadsInputs&) = delete;

 private:
  Inputs* before_;
};

// To be called before a file is read, and before the names of a folder's files are.
void note_input(const std::filesystem::path& file);
void note_input(const std::filesystem::path& folder, const std::string& ending);
// Whether there is something at the path, where that decides what is read.
bool has_input(const std::filesystem::path& path);

}  // namespace omni
