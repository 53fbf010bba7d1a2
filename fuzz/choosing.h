// What configuration and arguments have in common: the settings that a choice leads to.
#pragma once

#include "cli/choice.h"

namespace omni::fuzz {

// Resolves the choice as `run` does. Throws Bug unless the resulting config.toml, and each option
// typed as it is shown, lead to the same settings again; UserError where the choice is refused.
void resolve_twice(const cli::Choice& choice);

}  // namespace omni::fuzz
