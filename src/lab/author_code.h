// Functions that an experiment's author wrote, called so that what they throw is told as theirs.
#pragma once

#include <string>
#include <type_traits>

#include "base/error.h"

namespace omni {

// What an author's function threw that is neither a refusal nor a fault of the library. It ends its
// seed, not its neighbours.
struct ThrownByExperiment : UserError {
  using UserError::UserError;
};

// Throws what is being handled, as ThrownByExperiment where it is the author's: of a type of
// std or of their own, or of none that has words. `where`: "phase x, round 5".
[[noreturn]] void rethrow_as_authors(const std::string& where);

// Calls it. `where` is a text, or a function that gives one when it is needed.
template <class Where, class Function>
decltype(auto) call_author(const Where& where, Function&& function) {
  try {
    return function();
  } catch (...) {
    if constexpr (std::is_invocable_v<Where>)
      rethrow_as_authors(where());
    else
      rethrow_as_authors(where);
  }
}

}  // namespace omni
