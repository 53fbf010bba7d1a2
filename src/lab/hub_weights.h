// Weights under the Hugging Face hub's names: read into models of ours, and written for others.
#pragma once

#include <filesystem>

#include "lab/hub_config.h"
#include "nn/ensemble.h"

namespace omni {

// Reads a safetensors file of F32 or BF16 tensors into model `model` of an ensemble with
// transformer_parameters(hub.options). The names may lack "transformer." before them, as GPT-2's
// do; buffers such as masks are skipped, and so is an unembedding that repeats a tied embedding.
// UserError that names the file and the tensor: one that is missing, of another shape or type, of
// another vocabulary, or unknown to the family.
void load_hub_weights(const std::filesystem::path& file, const HubModel& hub, Ensemble& e,
                      int64_t model);

// Writes one model as F32. Atomic. Loading it again gives equal bits.
void save_hub_weights(const std::filesystem::path& file, const HubModel& hub, ModelView model);

// A folder as on the hub, with config.json and model.safetensors.
struct HubFolder {
  HubModel hub;
  Ensemble model;  // just one
};
HubFolder load_hub_folder(const std::filesystem::path& folder);
// Makes the folder if there is none; the options are checked first, as by write_hub_config().
void save_hub_folder(const std::filesystem::path& folder, const HubModel& hub, ModelView model);

}  // namespace omni
