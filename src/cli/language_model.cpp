#include "cli/language_model.h"

#include "cli/screen.h"
#include "text/tokenizer_files.h"

namespace omni::cli {

LanguageModel load_language_model(const std::filesystem::path& folder) {
  HubFolder loaded = load_hub_folder(folder);
  const auto vocabulary = static_cast<int32_t>(loaded.hub.options.vocabulary);
  LanguageModel model{std::move(loaded), read_tokenizer(folder, vocabulary)};
  if (const int32_t tokens = model.tokenizer->size(); tokens < vocabulary)
    tell("omni: of the embedding's {} rows {} belong to tokens; the others are never drawn\n",
         vocabulary, tokens);
  return model;
}

bool tell_of_specials(const Tokenizer& tokenizer, std::string_view text) {
  for (const int32_t id : tokenizer.vocabulary().specials())
    if (const std::string& special = tokenizer.text_of(id);
        text.find(special) != std::string_view::npos) {
      tell("omni: the text spells {}, which is read as these letters, not as the token\n", special);
      return true;
    }
  return false;
}

}  // namespace omni::cli
