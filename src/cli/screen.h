// Words on the screen: standard output for results, standard error for everything else. All that is
// printed passes here and is shown as visible() has it (base/utf8.h), since names, messages and
// what models write come from files; only the functions that colour and redraw tell a terminal
// anything. A reader that closes its end of a pipe (`| head`) is no error.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/claims.h"

namespace omni::cli {

void write_out(std::string_view text);  // standard output
void write_err(std::string_view text);  // standard error

// What puts a line in the place of the one where the cursor of standard error's terminal stands;
// none where it is no terminal.
std::function<void(const std::string&)> redraw_on_terminal();
// A verdict's word on standard output, green, red or yellow where that is a terminal.
void write_verdict(Verdict verdict);

template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  write_out(fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void tell(fmt::format_string<Args...> text, Args&&... args) {
  write_err(fmt::format(text, std::forward<Args>(args)...));
}

// Flushes standard output. UserError if something could not be written (a full disk).
void finish_output();

int screen_width(int fd);  // columns; 80 where there is no terminal

// Lines of at most `width` characters, all indented; empty lines separate paragraphs.
std::string wrapped(std::string_view text, size_t indent, size_t width = 96);

std::string duration(double seconds);       // "0:07", "12:40", "3:05:00"
std::string rough_duration(double seconds);  // an estimate: "8 s", "4 min", "2.5 h", "3 days"
std::string byte_count(double bytes);       // "11.5 MB"
std::string quantity(double x);             // "1,234", "12.3", "0.0042"

// A command line as it would be typed, with quotes where a shell needs them.
std::string shell_words(const std::vector<std::string>& words);

}  // namespace omni::cli
