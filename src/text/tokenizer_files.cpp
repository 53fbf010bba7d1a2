#include "text/tokenizer_files.h"

#include "base/error.h"
#include "base/json.h"
#include "text/bpe_files.h"
#include "text/lines.h"
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

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder, int32_t size) {
  const std::filesystem::path words = folder / "words.txt";
  std::error_code ignored;  // what else is wrong shows when it is read
  if (std::filesystem::exists(words, ignored))
    return std::make_unique<WordTokenizer>(parse_words(read_text(words), words.string(), size));
  return std::make_unique<BpeTokenizer>(read_bpe(folder, size));
}

}  // namespace omni
