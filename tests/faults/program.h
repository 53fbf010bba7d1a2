// Starts the real program, or any other, as a child in a process group of its own, and sees how it
// ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace omni::faults {

using Words = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;  // added to that of the test

struct Ended {
  int code = -1;    // exit code; -1 when it was ended by a signal
  int signal = 0;   // that ended it
  bool hung = false;  // did not end in time and was killed
  std::string out, err;
  std::string shown() const;  // for the message of a failed test
};

class Program {
 public:
  explicit Program(const Words& words, const Environment& environment = {});
  ~Program();  // kills the whole group
  Program(const Program&) = delete;

  pid_t process() const { return process_; }
  void signal(int number) const;        // to the program alone
  void signal_group(int number) const;  // to its children as well, as a terminal does
  bool group_is_gone() const;           // nobody is left of it
  std::string err() const;              // said so far
  Ended wait(double seconds = 600);     // so long that only what hangs is killed

 private:
  pid_t process_ = 0;
  bool waited_ = false;
  int out_ = -1, err_ = -1;
};

Ended run(const Words& words, const Environment& environment = {});

// For a program whose calls on files of `folder` go through failing_files.cpp.
Environment watched(const std::filesystem::path& folder, Environment more);

void pause(double seconds);
// False when it does not come true in time.
bool comes_true(const std::function<bool()>& condition, double seconds = 300);

}  // namespace omni::faults
