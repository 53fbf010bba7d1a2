// The two kinds of failure that are exceptions. A third kind, an outcome such as divergence,
// is a status in the results and never thrown.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace omni {

// The user's fault: says what, where, what was expected and how to mend it. Exit code 2.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Our fault: ends the run it happens in, not its neighbours. Exit code 1.
struct Bug : std::logic_error {
  using std::logic_error::logic_error;
};

template <class... Args>
[[noreturn]] void fail_user(fmt::format_string<Args...> text, Args&&... args) {
  throw UserError(fmt::format(text, std::forward<Args>(args)...));
}

// Throws UserError with a formatted text unless `ok`.
template <class... Args>
void require(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) fail_user(text, std::forward<Args>(args)...);
}

// Throws Bug with a formatted text unless `ok`.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) throw Bug(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace omni
