#include "program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"

namespace omni::faults {
namespace {

std::string content(int fd) {
  std::string text;
  char block[1 << 14];
  for (off_t at = 0;;) {
    const ssize_t n = pread(fd, block, sizeof block, at);
    if (n <= 0) return text;
    text.append(block, static_cast<size_t>(n));
    at += n;
  }
}

std::vector<char*> pointers(Words& words) {
  std::vector<char*> out;
  for (std::string& w : words) out.push_back(w.data());
  out.push_back(nullptr);
  return out;
}

Words merged(const Environment& added) {
  Words all;
  for (char** e = environ; *e; ++e) {
    const std::string entry = *e;
    if (!added.contains(entry.substr(0, entry.find('=')))) all.push_back(entry);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

}  // namespace

std::string Ended::shown() const {
  return fmt::format("exit code {}, signal {}{}\n--- stdout\n{}\n--- stderr\n{}", code, signal,
                     hung ? ", hung" : "", out, err);
}

Program::Program(const Words& words, const Environment& environment) {
  out_ = memfd_create("out", MFD_CLOEXEC);
  err_ = memfd_create("err", MFD_CLOEXEC);
  check(out_ >= 0 && err_ >= 0, "no memory for what a program says");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err_, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t usual;  // a test may be run where Ctrl-C is ignored
  sigemptyset(&usual);
  for (const int s : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&usual, s);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  Words arguments = words, variables = merged(environment);
  const int error = posix_spawnp(&process_, words[0].c_str(), &files, &attributes,
                                 pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  check(error == 0, "cannot start {}", words[0]);
}

Program::~Program() {
  if (!waited_) {
    kill(-process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void Program::signal(int number) const { kill(process_, number); }
void Program::signal_group(int number) const { kill(-process_, number); }
bool Program::group_is_gone() const { return kill(-process_, 0) != 0; }
std::string Program::err() const { return content(err_); }

Ended Program::wait(double seconds) {
  Ended ended;
  int status = 0;
  if (!comes_true([&] { return waitpid(process_, &status, WNOHANG) == process_; }, seconds)) {
    ended.hung = true;
    signal_group(SIGKILL);
    waitpid(process_, &status, 0);
  }
  waited_ = true;
  if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  ended.out = content(out_);
  ended.err = content(err_);
  return ended;
}

// LD_PRELOAD splits at spaces and colons and knows no escape; the name of an open file, which
// children inherit, has neither, wherever the build lies.
Environment watched(const std::filesystem::path& folder, Environment more) {
  static const int library = open(OMNI_FAILING_FILES, O_RDONLY);
  check(library >= 0, "cannot open {}", OMNI_FAILING_FILES);
  more["LD_PRELOAD"] = fmt::format("/proc/self/fd/{}", library);
  more["OMNI_FAULT_FOLDER"] = folder.string();
  return more;
}

Ended run(const Words& words, const Environment& environment) {
  return Program(words, environment).wait();
}

void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

bool comes_true(const std::function<bool()>& condition, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  double step_s = 0.001;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    pause(step_s);
    step_s = std::min(0.02, step_s * 1.5);
  }
  return true;
}

}  // namespace omni::faults
