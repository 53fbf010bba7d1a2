#include "text/bpe_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_letters.h"
#include "text/lines.h"
#include "text/unicode.h"

namespace omni {
namespace {

constexpr std::string_view kVersion = "#version: 0.2";

// The letters as UTF-8 in a JSON string; only quotes and backslashes need care, as letters are
// printable.
std::string json_string(std::string_view letters) {
  std::string text = "\"";
  for (const char c : letters) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

int64_t line_of(std::string_view text, size_t byte) {
  return 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(
                                                         std::min(byte, text.size())), '\n');
}

nlohmann::json parsed(std::string_view text, std::string_view name) {
  try {
    return parse_json(text, name);
  } catch (const nlohmann::json::parse_error& error) {
    fail_user("{}:{}: not JSON ({}); is the file complete?", name, line_of(text, error.byte),
              error.what());
  }
}

// Token letters by id.
std::vector<std::string> letters_by_id(const nlohmann::json& vocab, std::string_view name,
                                       int32_t size) {
  require(vocab.is_object(), "{}: expected an object {{\"token\": id}}, found {}", name,
          vocab.type_name());
  const size_t count = vocab.size();
  require(size == 0 || count == static_cast<size_t>(size),
          "{}: expected {} tokens, found {}; the model and the vocabulary do not belong together",
          name, size, count);
  std::vector<std::string> letters(count);
  for (const auto& [token, id] : vocab.items()) {
    require(id.is_number_integer() && id.get<int64_t>() >= 0 &&
                id.get<int64_t>() < static_cast<int64_t>(count),
            "{}: expected ids from 0 to {}, one for each token, but \"{}\" has {}", name, count - 1,
            token, id.dump());
    std::string& place = letters[id.get<size_t>()];
    require(place.empty(), "{}: \"{}\" and \"{}\" both have the id {}", name, place, token,
            id.dump());
    require(!token.empty(), "{}: the token with id {} is empty", name, id.dump());
    place = token;
  }
  return letters;
}

Vocabulary vocabulary_of(const std::vector<std::string>& letters, std::string_view name) {
  std::vector<std::string> texts;
  for (const std::string& token : letters) {
    std::optional<std::string> bytes = bytes_of_letters(token);
    require(bytes.has_value(),
            "{}: \"{}\" holds a character that stands for no byte; is it a byte-level vocabulary?",
            name, token);
    texts.push_back(std::move(*bytes));
  }
  const std::string special(kEndOfText);
  require(std::find(texts.begin(), texts.end(), special) != texts.end(),
          "{}: there is no token {}, which stands between texts; add it as the last id", name,
          special);
  for (const uint8_t byte : bytes_in_letter_order()) {
    const std::string text(1, static_cast<char>(byte));
    require(std::find(texts.begin(), texts.end(), text) != texts.end(),
            "{}: there is no token \"{}\" for the byte 0x{:02x}; a byte-level vocabulary has all "
            "256", name, letters_of(text), byte);
  }
  return {std::move(texts), {special}};
}

int32_t token_of(const Vocabulary& vocabulary, std::string_view letters, std::string_view name,
                 int64_t line) {
  const std::optional<std::string> bytes = bytes_of_letters(letters);
  const std::optional<int32_t> id = bytes ? vocabulary.find(*bytes) : std::nullopt;
  require(id.has_value(),
          "{}:{}: \"{}\" is not in the vocabulary; merges and vocabulary do not belong together",
          name, line, letters);
  return *id;
}

std::vector<Merge> merges_of(std::string_view text, const Vocabulary& vocabulary,
                             std::string_view name) {
  std::vector<Merge> merges;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.empty() || (lines.number() == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    require(space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos,
            "{}:{}: expected two tokens with a space between, found \"{}\"", name, lines.number(),
            line);
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    token_of(vocabulary, std::string(left) + std::string(right), name, lines.number());
    merges.push_back({token_of(vocabulary, left, name, lines.number()),
                      token_of(vocabulary, right, name, lines.number())});
  }
  return merges;
}

}  // namespace

BpeFiles bpe_files(const BpeTokenizer& tokenizer) {
  BpeFiles files;
  std::string& json = files.vocab_json;
  for (int32_t id = 0; id < tokenizer.size(); ++id)
    json += fmt::format("{}{}: {}", id == 0 ? "{" : ",\n",
                        json_string(letters_of(tokenizer.text_of(id))), id);
  json += "}\n";
  files.merges_txt = fmt::format("{}\n", kVersion);
  for (const Merge& m : tokenizer.merges())
    files.merges_txt += fmt::format("{} {}\n", letters_of(tokenizer.text_of(m.left)),
                                    letters_of(tokenizer.text_of(m.right)));
  return files;
}

BpeTokenizer parse_bpe(const BpeFiles& files, std::string_view vocab_name,
                       std::string_view merges_name, int32_t size) {
  require_utf8(files.vocab_json, vocab_name);
  require_utf8(files.merges_txt, merges_name);
  Vocabulary vocabulary = vocabulary_of(
      letters_by_id(parsed(files.vocab_json, vocab_name), vocab_name, size), vocab_name);
  std::vector<Merge> merges = merges_of(files.merges_txt, vocabulary, merges_name);
  return BpeTokenizer(std::move(vocabulary), std::move(merges));
}

BpeTokenizer read_bpe(const std::filesystem::path& folder, int32_t size) {
  const std::filesystem::path vocab = folder / "vocab.json", merges = folder / "merges.txt";
  return parse_bpe({read_text(vocab), read_text(merges)}, vocab.string(), merges.string(), size);
}

}  // namespace omni
