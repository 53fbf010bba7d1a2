// A training phase on disk: all that it has reached, in one safetensors file with a checksum, so
// that it goes on from there to the same bits.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "lab/sets.h"
#include "lab/trial.h"

namespace omni {

// Where a phase stands between two steps, to be written. A model under way may be larger than what
// memory there is left for: its sets are written from where they lie.
struct Underway {
  const Trained& reached;  // all but its model
  double first_loss;       // of its first step
  SetView model, optimizer;
};

// Beside, synced and renamed. UserError when it cannot be written.
void write_checkpoint(const std::filesystem::path& path, const Underway& underway);
// A finished phase needs no optimiser any more.
void write_checkpoint(const std::filesystem::path& path, const Trained& finished);

// The same as it is read.
struct Progress {
  Trained reached;
  std::optional<Ensemble> optimizer = {};  // its state; nothing if it has none
  double first_loss = 0;
};

// Nothing where there is no file, or one that is damaged or not a checkpoint: the work is then done
// again, to the same bits. Files do not hold how parameters are drawn, which later phases may ask
// (a layer drawn anew): the models get `recipes`, or nothing is read where these do not fit.
std::optional<Progress> read_checkpoint(const std::filesystem::path& path,
                                        std::span<const ParameterSpec> recipes);

}  // namespace omni
