#include "cli/language_model.h"

#include "text/tokenizer_files.h"

namespace omni::cli {

LanguageModel load_language_model(const std::filesystem::path& folder) {
  HubFolder loaded = load_hub_folder(folder);
  const auto vocabulary = static_cast<int32_t>(loaded.hub.options.vocabulary);
  return {std::move(loaded), read_tokenizer(folder, vocabulary)};
}

}  // namespace omni::cli
