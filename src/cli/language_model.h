// A language model and its tokenizer, from one folder.
#pragma once

#include <filesystem>
#include <memory>

#include "text/tokenizer.h"
#include "weights/hub_weights.h"

namespace omni::cli {

struct LanguageModel {
  HubFolder folder;
  std::unique_ptr<Tokenizer> tokenizer;

  const TransformerOptions& options() const { return folder.hub.options; }
  ModelView view() const { return folder.model[0]; }
};

// A folder as on the Hugging Face hub, with a tokenizer (text/tokenizer_files.h). Of an embedding
// with more rows than there are tokens, the others are never drawn. UserError for what is missing
// or does not fit.
LanguageModel load_language_model(const std::filesystem::path& folder);

// Says so on standard error if the text spells a special token, which text never gives.
bool tell_of_specials(const Tokenizer& tokenizer, std::string_view text);

}  // namespace omni::cli
