// A file that has to be brought first: of somebody's data, and no slip of who wrote the experiment.
#pragma once

#include "base/error.h"

namespace omni {

struct MissingFile : UserError {
  using UserError::UserError;
};

}  // namespace omni
