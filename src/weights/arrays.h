// Ensembles in safetensors files: PyTorch's names and shapes; several models get a leading axis.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "nn/ensemble.h"

namespace omni {

// One model: arrays of the parameters' shapes. Several: [models, ...]. Atomic. UserError if it
// cannot be written.
void save_ensemble(const std::filesystem::path& path, const Ensemble& e,
                   std::map<std::string, std::string> metadata = {});

// What save_ensemble wrote, with the initialisers unknown (zeros). UserError for other files
// and where a weight is not the one that was saved.
Ensemble load_ensemble(const std::filesystem::path& path,
                       std::map<std::string, std::string>* metadata = nullptr);

// Reads arrays of a file, for instance one that PyTorch wrote, into model `model` by name.
// UserError for names that are missing or of another shape.
void load_into(const std::filesystem::path& path, Ensemble& e, int64_t model);

}  // namespace omni
