// A phase on disk: all that it has reached, in one safetensors file with a checksum, so that it
// goes on from there to the same bits.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "executors/executor.h"
#include "lab/phase.h"
#include "lab/sets.h"

namespace omni {

// By program.
using Standings = std::map<std::string, ProgramStanding>;

// Where a phase stands between two rounds, to be written. A model under way may be larger than what
// memory there is left for: its sets are written from where they lie.
struct Underway {
  const PhaseResult& reached;  // all but its sets and its host's state
  Standings programs;          // runs and first losses
  std::map<std::string, SetView> sets;
  Bytes host;
};

// Beside, synced and renamed. UserError when it cannot be written.
void write_checkpoint(const std::filesystem::path& path, const Underway& underway);
// A finished phase needs no optimisers any more.
void write_checkpoint(const std::filesystem::path& path, const PhaseResult& finished);

// The same as it is read. Optimisers' states are among the sets.
struct PhaseProgress {
  PhaseResult reached;
  Standings programs = {};
};

// How the parameters of every set are drawn, which files do not hold and later phases may ask (a
// layer drawn anew).
using Recipes = std::map<std::string, std::vector<ParameterSpec>>;

// Nothing where there is no file, or one that is damaged, of another format or no checkpoint, or
// that holds a set without a recipe, or with one that does not fit: the work is then done again, to
// the same bits.
std::optional<PhaseProgress> read_checkpoint(const std::filesystem::path& path,
                                             const Recipes& recipes);

}  // namespace omni
