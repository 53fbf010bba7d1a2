// Transformers by name: families that are published with weights, and sizes to start from.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "nn/transformer.h"

namespace omni {

enum class TransformerFamily { gpt2, gpt_neo, qwen2 };

// What all models of a family have in common; sizes are left at 0.
TransformerOptions family_options(TransformerFamily family);

// "XS" (2 layers of 32, to try things out), "S" (4 of 96), "M" (4 of 128) and "L" (6 of 192) are
// small models of GPT-2's kind with a context of 128; "tinystories-8m" and "tinystories-28m" (Eldan & Li 2023, arXiv:2305.07759),
// "gpt2" (Radford et al. 2019) and "qwen2-0.5b" (Yang et al. 2024, arXiv:2407.10671) have the
// shapes of the published weights.
std::span<const std::string> transformer_presets();

// A preset's options. `vocabulary` 0 takes the published one, which S, M and L do not have:
// UserError for these, and for a name that is none of the presets.
TransformerOptions transformer_preset(std::string_view name, int64_t vocabulary = 0);

}  // namespace omni
