// Configuration files: TOML into the settings of the catalogue's experiments.
#include "fuzz/choosing.h"
#include "fuzz/target.h"

void omni::fuzz::read(std::string_view input) {
  resolve_twice({.config = file_with(input).string()});
}
