#include "text/tokenizer_files.h"

#include "base/error.h"
#include "base/inputs.h"
#include "base/json.h"
#include "text/bpe_files.h"
#include "text/lines.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_rules.h"
#include "text/unicode.h"

namespace omni {
namespace {

using Json = nlohmann::json;

std::string word_of(std::string_view line, const std::string& where) {
  Json word;
  try {
    word = parse_json(line, where);
  } catch (const Json::parse_error&) {
  }
  require(word.is_string(), "{}: expected a token as a JSON string, such as \" tree\", found {}",
          where, line);
  return word.get<std::string>();
}

}  // namespace

std::string word_file(const WordTokenizer& tokenizer) {
  std::string text;
  for (const std::string& token : tokenizer.vocabulary().texts()) text += Json(token).dump() + "\n";
  return text;
}

WordTokenizer parse_words(std::string_view text, std::string_view name, int32_t size) {
  require_utf8(text, name);
  const std::string_view specials[] = {kEndOfText, kUnknown};
  std::vector<std::string> words;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    const std::string where = fmt::format("{}:{}", name, lines.number());
    std::string word = word_of(line, where);
    const auto place = static_cast<size_t>(lines.number()) - 1;
    if (place >= std::size(specials))
      words.push_back(std::move(word));
    else
      require(word == specials[place], "{}: expected the token {}, found \"{}\"", where,
              specials[place], word);
  }
  require(lines.number() >= static_cast<int64_t>(std::size(specials)),
          "{}: expected at least the tokens {} and {}", name, kEndOfText, kUnknown);
  require(size == 0 || lines.number() == size,
          "{}: expected {} tokens, found {}; the model and the vocabulary do not belong together",
          name, size, lines.number());
  return WordTokenizer(words);
}

std::vector<std::string> tokenizer_files(const std::filesystem::path& folder) {
  const auto has = [&](const char* name) { return has_input(folder / name); };
  if (has(kWords)) return {kWords};
  std::vector<std::string> names;
  if (has(kTokenizerJson)) {
    names = {kTokenizerJson};
    if (has(kTokenizerConfig)) names.emplace_back(kTokenizerConfig);
    return names;
  }
  require(has(kVocabulary) && has(kMerges), "'{}' has no tokenizer: expected {}, {} and {}, or {}",
          folder.string(), kTokenizerJson, kVocabulary, kMerges, kWords);
  for (const char* name : {kVocabulary, kMerges, kTokenizerConfig, kModelConfig, kAddedTokens})
    if (has(name)) names.emplace_back(name);
  return names;
}

std::unique_ptr<Tokenizer> parse_tokenizer(const TokenizerTexts& texts, const std::string& folder,
                                           int32_t size) {
  const auto path = [&](const char* name) { return folder + "/" + name; };
  if (const auto words = texts.find(kWords); words != texts.end())
    return std::make_unique<WordTokenizer>(parse_words(words->second, path(kWords), size));
  std::unique_ptr<BpeTokenizer> tokenizer;
  if (const auto json = texts.find(kTokenizerJson); json != texts.end()) {
    tokenizer =
        std::make_unique<BpeTokenizer>(parse_tokenizer_json(json->second, path(kTokenizerJson)));
    check_tokenizer_config(texts, folder, *tokenizer);
  } else {
    tokenizer = std::make_unique<BpeTokenizer>(parse_bpe({texts.at(kVocabulary), texts.at(kMerges)},
                                                         path(kVocabulary), path(kMerges),
                                                         rules_of_folder(texts, folder)));
  }
  require(size == 0 || tokenizer->size() <= size,
          "'{}': its tokenizer has {} tokens, but {} gives the model a \"vocab_size\" of {}; the "
          "model and the vocabulary do not belong together",
          folder, tokenizer->size(), kModelConfig, size);
  return tokenizer;
}

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int32_t size) {
  TokenizerTexts texts;
  for (const std::string& name : tokenizer_files(folder)) texts[name] = read_text(folder / name);
  return parse_tokenizer(texts, folder.string(), size);
}

}  // namespace omni
