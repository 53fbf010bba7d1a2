#include "text/tokenizer_json.h"

#include "base/error.h"
#include "text/bpe_parts.h"

namespace omni {
namespace {

using nlohmann::json;

// A member of the file with its path, for errors: "tokenizer.json: pre_tokenizer". What was found
// is written out for an error alone: of a whole vocabulary that takes its time.
struct Member {
  const json& value;
  std::string where;

  bool is_null() const { return value.is_null(); }

  // Null where it is absent.
  Member at(const std::string& name) const {
    static const json nothing;
    if (!value.is_object()) fail_user("{}: expected an object, found {}", where, shown());
    const auto it = value.find(name);
    return {it == value.end() ? nothing : *it, fmt::format("{}.{}", where, name)};
  }

  std::string text(const std::string& otherwise = "") const {
    if (is_null()) return otherwise;
    if (!value.is_string()) fail_user("{}: expected a text, found {}", where, shown());
    return value.get<std::string>();
  }

  bool flag(bool otherwise) const {
    if (is_null()) return otherwise;
    if (!value.is_boolean()) fail_user("{}: expected true or false, found {}", where, shown());
    return value.get<bool>();
  }

  std::vector<Member> list() const {
    std::vector<Member> items;
    if (is_null()) return items;
    if (!value.is_array()) fail_user("{}: expected a list, found {}", where, shown());
    for (const json& item : value)
      items.push_back({item, fmt::format("{}[{}]", where, items.size())});
    return items;
  }

  std::string type() const { return at("type").text(); }

  void refuse_if(bool there) const {
    if (there) fail_user("{} is {}, which is not supported", where, shown());
  }

  std::string shown() const {
    constexpr size_t kMost = 200;
    const std::string text = value.dump();
    return text.size() > kMost ? fmt::format("a {}", value.type_name()) : text;
  }
};

void read_normalizer(const Member& m, BpeRules& rules) {
  if (m.is_null()) return;
  const std::string type = m.type();
  if (type == "Sequence") {
    for (const Member& part : m.at("normalizers").list()) read_normalizer(part, rules);
    return;
  }
  require(type == "NFC", "{}: the type \"{}\" is not supported; known are NFC and none", m.where,
          type);
  rules.composed = true;
}

void read_split(const Member& m, BpeRules& rules) {
  const Member pattern = m.at("pattern");
  const std::string regex = pattern.at("Regex").text();
  const std::optional<Cut> cut = cut_of_regex(regex);
  require(cut.has_value(),
          "{}: {} is none of the known ways to cut text: those of GPT-2, Qwen2 and Llama 3",
          pattern.where, pattern.shown());
  // The known patterns match all of a text, so to keep what matches is to cut there.
  const std::string behavior = m.at("behavior").text();
  const bool invert = m.at("invert").flag(false);
  require((behavior == "Isolated" && !invert) || (behavior == "Removed" && invert),
          "{}: a behavior of \"{}\" with invert {} is not supported; known are Isolated without it "
          "and Removed with it",
          m.where, behavior, invert);
  rules.cuts.push_back(*cut);
}

// Whether bytes became letters, behind which nothing is cut.
bool read_pre_tokenizer(const Member& m, BpeRules& rules) {
  require(!m.is_null(), "{}: there is none; a byte-level vocabulary has ByteLevel", m.where);
  const std::string type = m.type();
  if (type == "Sequence") {
    bool letters = false;
    for (const Member& part : m.at("pretokenizers").list()) {
      require(!letters, "{}: what stands behind ByteLevel is not supported", part.where);
      letters = read_pre_tokenizer(part, rules);
    }
    return letters;
  }
  if (type == "Split") {
    read_split(m, rules);
    return false;
  }
  if (type == "Digits") {
    rules.cuts.push_back(m.at("individual_digits").flag(false) ? Cut::digits : Cut::runs_of_digits);
    return false;
  }
  require(type == "ByteLevel",
          "{}: the type \"{}\" is not supported; known are ByteLevel, Split, Digits and Sequence",
          m.where, type);
  const Member prefix = m.at("add_prefix_space");
  prefix.refuse_if(prefix.flag(true));
  if (m.at("use_regex").flag(true)) rules.cuts.push_back(Cut::gpt2);
  return true;
}

void read_post_processor(const Member& m) {
  if (m.is_null()) return;
  const std::string type = m.type();
  if (type == "ByteLevel") return;  // about places in the text alone
  if (type == "Sequence") {
    for (const Member& part : m.at("processors").list()) read_post_processor(part);
    return;
  }
  require(type == "TemplateProcessing",
          "{}: the type \"{}\" is not supported; known are ByteLevel, TemplateProcessing and none",
          m.where, type);
  for (const Member& part : m.at("single").list())
    require(part.at("SpecialToken").is_null(),
            "{}: a special token that is put beside every text is not supported", part.where);
}

void read_decoder(const Member& m) {
  if (m.is_null()) return;
  require(m.type() == "ByteLevel", "{}: the type \"{}\" is not supported; known is ByteLevel",
          m.where, m.type());
}

// Pairs are lists of two, or texts with a space between.
BpeParts::Pair pair_of(const Member& m, int64_t place) {
  if (m.value.is_array()) {
    const std::vector<Member> both = m.list();
    if (both.size() != 2) fail_user("{}: expected two tokens, found {}", m.where, m.shown());
    return {both[0].text(), both[1].text(), place};
  }
  const std::string text = m.text();
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    fail_user("{}: expected two tokens with a space between, found {}", m.where, m.shown());
  return {text.substr(0, space), text.substr(space + 1), place};
}

void read_model(const Member& m, BpeParts& parts) {
  const std::string type = m.at("type").text("BPE");  // old files do not say
  require(type == "BPE", "{}.type is \"{}\", expected \"BPE\"", m.where, type);
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    m.at(name).refuse_if(!m.at(name).text().empty());
  m.at("byte_fallback").refuse_if(m.at("byte_fallback").flag(false));
  const Member dropout = m.at("dropout");
  dropout.refuse_if(!dropout.is_null() && dropout.value != 0);
  parts.rules.ignore_merges = m.at("ignore_merges").flag(false);
  parts.vocab_name = m.where + ".vocab";
  parts.vocab = m.at("vocab").value;
  parts.merges_place = m.where + ".merges: number ";
  const Member merges = m.at("merges");
  require(merges.is_null() || merges.value.is_array(), "{}: expected a list", merges.where);
  if (merges.is_null()) return;
  parts.merges.reserve(merges.value.size());
  for (const json& pair : merges.value) {
    const auto place = static_cast<int64_t>(parts.merges.size()) + 1;
    parts.merges.push_back(pair_of({pair, fmt::format("{}{}", parts.merges_place, place)}, place));
  }
}

}  // namespace

BpeTokenizer parse_tokenizer_json(std::string_view text, const std::string& name) {
  const json parsed = parse_json_lines(text, name);
  require(parsed.is_object(), "{}: expected a JSON object, found a {}", name, parsed.type_name());
  const auto top = [&](const char* member) {
    const auto it = parsed.find(member);
    static const json nothing;
    return Member{it == parsed.end() ? nothing : *it, fmt::format("{}: {}", name, member)};
  };
  BpeParts parts;
  parts.rules.cuts.clear();
  read_normalizer(top("normalizer"), parts.rules);
  const Member pre = top("pre_tokenizer");
  require(read_pre_tokenizer(pre, parts.rules), "{}: there is no ByteLevel in it", pre.where);
  read_post_processor(top("post_processor"));
  read_decoder(top("decoder"));
  for (const Member& token : top("added_tokens").list()) {
    const Member id = token.at("id");
    require(id.value.is_number_unsigned() && id.value <= INT32_MAX, "{}: expected an id, found {}",
            id.where, id.shown());
    parts.rules.added.push_back(added_token_of(token.value, id.value.get<int64_t>(), token.where));
  }
  read_model(top("model"), parts);
  return bpe_of(std::move(parts));
}

}  // namespace omni
