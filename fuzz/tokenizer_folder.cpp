// Tokenizers as on the Hugging Face hub: the contents of tokenizer.json, tokenizer_config.json,
// config.json, added_tokens.json, vocab.json and merges.txt, each before a zero byte (empty: there is
// no such file), and a text to encode.
#include "base/error.h"
#include "fuzz/target.h"
#include "text/bpe.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"

namespace omni::fuzz {

// A token is a JSON node, its text in several forms and its place in the vocabulary.
const MemoryBound kMemory{2 << 20, 600};

void read(std::string_view input) {
  TokenizerTexts texts;
  for (const char* name :
       {kTokenizerJson, kTokenizerConfig, kModelConfig, kAddedTokens, kVocabulary, kMerges}) {
    const std::string_view text = input.substr(0, input.find('\0'));
    input.remove_prefix(std::min(text.size() + 1, input.size()));
    if (!text.empty()) texts[name] = text;
  }
  if (!texts.contains(kTokenizerJson))
    require(texts.contains(kVocabulary) && texts.contains(kMerges), "no tokenizer");
  const auto tokenizer = parse_tokenizer(texts, "folder");
  check(parse_tokenizer(texts, "folder")->hash() == tokenizer->hash(), "another at the second look");
  const std::vector<int32_t> ids = tokenizer->encode(input);
  for (const int32_t id : ids)
    check(id >= 0 && id < tokenizer->size(), "token {} of {}", id, tokenizer->size());
  const BpeRules& rules = dynamic_cast<const BpeTokenizer&>(*tokenizer).bpe_rules();
  bool whole = true;  // nothing beside a token is taken along, and nothing is composed around one
  for (const AddedToken& token : rules.added)
    whole = whole && (token.special || !(token.eats_left || token.eats_right || rules.composed));
  if (whole)
    check(tokenizer->decode(ids) == (rules.composed ? composed(input) : std::string(input)),
          "the text decodes as another");
}

}  // namespace omni::fuzz
