// What presets compute, counted once for each program and kept as JSON: beside the program by its
// build, else in the user's cache.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/cost.h"

namespace omni {

// A preset's, or why it could not be counted: its data are the user's and were not there, say.
struct Counted {
  std::optional<Count> count;
  std::string why_not;
  // What claims read and it records, where that is known: as in PresetReads (lab/runner.h).
  std::optional<std::vector<std::string>> reads = {};
};

// Of one program.
struct Counts {
  std::string program;                                             // program_hash()
  std::map<std::pair<std::string, std::string>, Counted> presets;  // by experiment and preset
};

std::string counts_to_json(const Counts& counts);
// UserError for anything that counts_to_json() does not write.
Counts counts_from_json(std::string_view text, const std::string& where);

}  // namespace omni
