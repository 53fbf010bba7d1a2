// A training phase on disk: all that it has reached, in one safetensors file with a checksum, so
// that it goes on from there to the same bits.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "lab/trial.h"

namespace omni {

// Where a phase stands between two steps. A finished phase needs no optimiser any more.
struct Progress {
  Trained reached;
  std::optional<Ensemble> optimizer = {};
  double first_loss = 0;  // of its first step

  Progress clone() const;
};

// Beside, synced and renamed. UserError when it cannot be written.
void write_checkpoint(const std::filesystem::path& path, const Progress& progress);
void write_checkpoint(const std::filesystem::path& path, const Trained& finished);

// Nothing where there is no file, or one that is damaged or not a checkpoint: the work is then done
// again, to the same bits. Files do not hold how parameters are drawn, which later phases may ask
// (a layer drawn anew): the models get `recipes`, or nothing is read where these do not fit.
std::optional<Progress> read_checkpoint(const std::filesystem::path& path,
                                        std::span<const ParameterSpec> recipes);

}  // namespace omni
