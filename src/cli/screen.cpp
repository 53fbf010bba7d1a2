#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text_table.h"
#include "base/utf8.h"

namespace omni::cli {
namespace {

// The first failure to write to standard output since finish_output(): an errno, 0 for none.
int output_error = 0;

void put_out(std::string_view bytes) {
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() && output_error == 0)
    output_error = errno;
}

void put_err(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
}

bool is_terminal(int fd) { return isatty(fd) == 1; }

bool coloured() {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(STDOUT_FILENO) && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace

void write_out(std::string_view text) { put_out(visible(text)); }
void write_err(std::string_view text) { put_err(visible(text)); }

std::function<void(const std::string&)> redraw_on_terminal() {
  if (!is_terminal(STDERR_FILENO)) return nullptr;
  return [](const std::string& line) { put_err("\r\033[K" + visible(line)); };
}

void write_verdict(Verdict verdict) {
  if (!coloured()) return put_out(name_of(verdict));
  const int colour = verdict == Verdict::supported   ? 32
                     : verdict == Verdict::refuted   ? 31
                     : verdict == Verdict::undecided ? 33
                                                     : 90;
  put_out(fmt::format("\033[{}m{}\033[0m", colour, name_of(verdict)));
}

void finish_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
  std::clearerr(stdout);
  const int error = std::exchange(output_error, 0);
  require(error == 0 || error == EPIPE, "cannot write to standard output: {}",
          std::strerror(error));
}

int screen_width(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string wrapped(std::string_view text, size_t indent, size_t width) {
  const std::string margin(indent, ' ');
  std::string out, line;
  const auto flush = [&] {
    if (!line.empty()) out += margin + line + '\n';
    line.clear();
  };
  size_t breaks = 0;  // line breaks since the last word
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\n' || text[i] == ' ') {
      if (text[i] == '\n' && ++breaks == 2) {
        flush();
        out += '\n';
      }
      ++i;
      continue;
    }
    const size_t end = std::min(text.find_first_of(" \n", i), text.size());
    const std::string_view word = text.substr(i, end - i);
    if (!line.empty() && indent + width_of(line) + 1 + width_of(word) > width) flush();
    if (!line.empty()) line += ' ';
    line += word;
    breaks = 0;
    i = end;
  }
  flush();
  return out;
}

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 3.6e8)));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string byte_count(double bytes) {
  for (const char* unit : {"bytes", "kB", "MB", "GB"}) {
    if (bytes < 1000)
      return fmt::format("{:.{}f} {}", bytes, bytes < 100 && *unit != 'b' ? 1 : 0, unit);
    bytes /= 1000;
  }
  return fmt::format("{:.1f} TB", bytes);
}

std::string rough_duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", std::max(1.0, seconds));
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  const double hours = seconds / 3600;
  if (hours < 10) return fmt::format("{:.1f} h", hours);
  return hours < 48 ? fmt::format("{:.0f} h", hours) : fmt::format("{:.0f} days", hours / 24);
}

std::string quantity(double x) {
  if (std::abs(x) < 100) return fmt::format("{:.3g}", x);
  std::string digits = fmt::format("{:.0f}", x);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (x < 0); at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
      return std::isalnum(c) || std::strchr("_-+=.,:/@%", c) != nullptr;
    });
    if (!line.empty()) line += ' ';
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace omni::cli
