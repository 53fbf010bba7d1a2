// Weights under the Hugging Face hub's names: read into models of ours, and written for others.
#pragma once

#include <filesystem>

#include "nn/ensemble.h"
#include "weights/hub_config.h"
#include "weights/hub_shards.h"

namespace omni {

// Puts a folder's tensors, F32, F16 or BF16, into model `model` of an ensemble with
// transformer_parameters(hub.options). All names may lack the "transformer." or "model." before
// them; buffers such as masks are skipped, whatever their type. A tied embedding may stand under
// its own name, as "lm_head.weight", or under both if they are equal. UserError that names the file
// and the tensor: one that is missing, of another shape or type, of another vocabulary, or unknown
// to the family.
void load_hub_weights(HubTensors tensors, const HubModel& hub, Ensemble& e, int64_t model);

// Writes one model as F32. Atomic. Loading it again gives equal bits.
void save_hub_weights(const std::filesystem::path& file, const HubModel& hub, ModelView model);

// The names of all files of a folder that its model is made from. UserError where one is missing.
std::vector<std::string> hub_model_files(const std::filesystem::path& folder);

// A folder as on the hub, with config.json and weights (weights/hub_shards.h).
struct HubFolder {
  HubModel hub;
  Ensemble model;  // just one
};
HubFolder load_hub_folder(const std::filesystem::path& folder);
// Makes the folder if there is none; the options are checked first, as by write_hub_config().
void save_hub_folder(const std::filesystem::path& folder, const HubModel& hub, ModelView model);

}  // namespace omni
