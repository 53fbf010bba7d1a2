#include "report/gnuplot.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "report/text.h"

namespace omni {

namespace {

struct CloseFile {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using TemporaryFile = std::unique_ptr<std::FILE, CloseFile>;

// In memory, so that no temporary folder has to exist, be writable or have room.
TemporaryFile temporary_file() {
  const int handle = ::memfd_create("omniscale-gnuplot", MFD_CLOEXEC);
  require(handle >= 0, "cannot make a file in memory for gnuplot: {}", std::strerror(errno));
  TemporaryFile file(::fdopen(handle, "w+"));
  if (!file) ::close(handle);
  require(file != nullptr, "cannot open a file in memory for gnuplot: {}", std::strerror(errno));
  return file;
}

// Of this process, without what would change a figure: the user's terminal, fonts, folders and
// language (which chooses decimal commas).
std::vector<std::string> environment_of_gnuplot() {
  std::vector<std::string> kept = {"LC_ALL=C.UTF-8"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    const bool changes = name.starts_with("GNU") || name.starts_with("GD") ||
                         name.starts_with("FIT_") || name.starts_with("LC_") || name == "LANG" ||
                         name == "LANGUAGE";
    if (!changes) kept.emplace_back(text);
  }
  return kept;
}

std::string content(std::FILE* file) {
  std::rewind(file);
  std::string text;
  char block[1 << 14];
  while (const size_t n = std::fread(block, 1, sizeof block, file)) text.append(block, n);
  return text;
}

}  // namespace

// Single quotes: gnuplot reads neither backslashes nor backquotes in them. Its way to write a
// single quote inside, doubling, fails at the start of a string, hence the typographic apostrophe.
std::string gnuplot_text(std::string_view text) {
  std::string out = "'";
  for (const char c : one_line(text)) {
    if (c == '\'')
      out += "’";
    else
      out += c;
  }
  return out + "'";
}

std::string gnuplot_tic(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '%' ? std::string("%%") : std::string(1, c);
  return gnuplot_text(doubled);
}

// Files instead of pipes: neither side can wait for the other.
std::string run_gnuplot(std::string_view script) {
  const TemporaryFile in = temporary_file(), out = temporary_file(), error = temporary_file();
  require(std::fwrite(script.data(), 1, script.size(), in.get()) == script.size() &&
              std::fflush(in.get()) == 0,
          "cannot write a temporary file: {}", std::strerror(errno));
  std::rewind(in.get());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(in.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(error.get()), STDERR_FILENO);
  char name[] = "gnuplot", no_user_settings[] = "-d";
  char* arguments[] = {name, no_user_settings, nullptr};
  std::vector<std::string> variables = environment_of_gnuplot();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  pid_t child = 0;
  const int spawned = posix_spawnp(&child, name, &actions, nullptr, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (spawned == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  require(spawned != ENOENT && !(WIFEXITED(status) && WEXITSTATUS(status) == 127),
          "gnuplot, which draws the figures, is not installed; install the package gnuplot-nox "
          "(sudo apt-get install gnuplot-nox)");
  require(spawned == 0, "cannot start gnuplot: {}", std::strerror(spawned));
  if (WIFSIGNALED(status))
    fail_user("gnuplot was ended by signal {} while it drew a figure; make the report again",
              WTERMSIG(status));
  const std::string drawn = content(out.get());
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0 && drawn.find("</svg>") != std::string::npos,
        "gnuplot refused a figure: {}", content(error.get()));
  return drawn;
}

}  // namespace omni
