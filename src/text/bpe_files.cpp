#include "text/bpe_files.h"

#include "base/error.h"
#include "text/bpe_parts.h"
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

std::vector<BpeParts::Pair> merges_of(std::string_view text, std::string_view name) {
  std::vector<BpeParts::Pair> merges;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.empty() || (lines.number() == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    require(space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos,
            "{}:{}: expected two tokens with a space between, found \"{}\"", name, lines.number(),
            line);
    merges.push_back(
        {std::string(line.substr(0, space)), std::string(line.substr(space + 1)), lines.number()});
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
                       std::string_view merges_name, BpeRules rules) {
  require_utf8(files.merges_txt, merges_name);
  return bpe_of({.vocab_name = std::string(vocab_name),
                 .merges_place = fmt::format("{}:", merges_name),
                 .vocab = parse_json_lines(files.vocab_json, vocab_name),
                 .merges = merges_of(files.merges_txt, merges_name),
                 .rules = std::move(rules)});
}

}  // namespace omni
