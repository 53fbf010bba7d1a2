// A model's shape as the Hugging Face hub writes it: config.json.
#pragma once

#include <filesystem>

#include "nn/transformer_presets.h"

namespace omni {

// A model that others can load: the family whose names it has there, and its shape.
struct HubModel {
  TransformerFamily family = TransformerFamily::gpt2;
  TransformerOptions options;
};

std::string_view name_of(TransformerFamily family);  // "gpt2", "gpt_neo", "qwen2": model_type

// Members that do not change what a model computes are skipped. UserError, naming the file: another
// model_type, a member that is missing or of another type, sizes below 1, activations, scalings of
// positions, orders of local and global layers, quantised weights and code that transformer() does
// not have.
HubModel read_hub_config(const std::filesystem::path& file);

// Atomic. UserError if the options are not of the family: what differs, and for extra neurons,
// which no family has.
void write_hub_config(const std::filesystem::path& file, const HubModel& model);

}  // namespace omni
