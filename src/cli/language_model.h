// A language model and its tokenizer, from one folder.
#pragma once

#include <filesystem>
#include <memory>

#include "lab/hub_weights.h"
#include "text/tokenizer.h"

namespace omni::cli {

struct LanguageModel {
  HubFolder folder;
  std::unique_ptr<Tokenizer> tokenizer;

  const TransformerOptions& options() const { return folder.hub.options; }
  ModelView view() const { return folder.model[0]; }
};

// A folder as on the Hugging Face hub, with vocab.json and merges.txt or, for words, words.txt.
// UserError for what is missing or does not fit.
LanguageModel load_language_model(const std::filesystem::path& folder);

}  // namespace omni::cli
