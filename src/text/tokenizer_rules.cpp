#include "text/tokenizer_rules.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/nearest.h"
#include "text/bpe_parts.h"

namespace omni {
namespace {

using nlohmann::json;

struct Family {
  std::vector<std::string> classes, model_types;
  Cut cut;
  bool composed;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {{"GPT2Tokenizer", "GPT2TokenizerFast"}, {"gpt2", "gpt_neo"}, Cut::gpt2, false},
      {{"GPTNeoXTokenizer", "GPTNeoXTokenizerFast"}, {"gpt_neox"}, Cut::gpt2, true},
      {{"Qwen2Tokenizer", "Qwen2TokenizerFast"}, {"qwen2"}, Cut::qwen2, true}};
  return all;
}

std::string name_in(const std::string& folder, const char* file) { return folder + "/" + file; }

// The file's object; an empty one where there is no such file.
json object_of(const TokenizerTexts& texts, const std::string& folder, const char* file) {
  const auto it = texts.find(file);
  if (it == texts.end()) return json::object();
  json parsed = parse_json_lines(it->second, name_in(folder, file));
  require(parsed.is_object(), "{}: expected a JSON object", name_in(folder, file));
  return parsed;
}

// Empty where it is absent or null.
std::string text_of(const json& object, const char* member, const std::string& where) {
  const auto it = object.find(member);
  if (it == object.end() || it->is_null()) return "";
  require(it->is_string(), "{}: \"{}\" is {}, expected a text", where, member, it->dump());
  return it->get<std::string>();
}

BpeRules rules_named(const std::string& name, std::vector<std::string> Family::*names,
                     const std::string& what) {
  std::vector<std::string> known;
  for (const Family& f : families()) {
    if (std::ranges::find(f.*names, name) != (f.*names).end())
      return {.cuts = {f.cut}, .composed = f.composed};
    known.insert(known.end(), (f.*names).begin(), (f.*names).end());
  }
  fail_user(
      "{} is \"{}\", whose rules of cutting text are not known without a tokenizer.json; "
      "known are {}",
      what, name, fmt::join(known, ", "));
}

BpeRules basic_rules(const json& config, const TokenizerTexts& texts, const std::string& folder) {
  const std::string here = name_in(folder, kTokenizerConfig);
  if (const std::string name = text_of(config, "tokenizer_class", here); !name.empty())
    return rules_named(name, &Family::classes, here + ": \"tokenizer_class\"");
  const std::string model = name_in(folder, kModelConfig);
  const std::string type = text_of(object_of(texts, folder, kModelConfig), "model_type", model);
  require(!type.empty(),
          "{}: {} and {} do not say by which rules text is cut; add its {}, a {} with "
          "\"tokenizer_class\": GPT2Tokenizer, GPTNeoXTokenizer or Qwen2Tokenizer, or a {} with "
          "\"model_type\": gpt2, gpt_neo, gpt_neox or qwen2",
          folder, kVocabulary, kMerges, kTokenizerJson, kTokenizerConfig, kModelConfig);
  return rules_named(type, &Family::model_types, model + ": \"model_type\"");
}

void refuse_additions(const json& config, const std::string& where) {
  for (const char* member : {"add_prefix_space", "add_bos_token", "add_eos_token"}) {
    const json value = config.value(member, json());
    require(value.is_null() || value == false,
            "{}: \"{}\" is {}, which is not supported: nothing is put beside a text", where, member,
            value.dump());
  }
}

// {"0": {"content": "<|endoftext|>", ...}, ...}
std::vector<AddedToken> added_by(const json& config, const std::string& where) {
  constexpr const char* kMember = "added_tokens_decoder";
  std::vector<AddedToken> added;
  const auto it = config.find(kMember);
  if (it == config.end() || it->is_null()) return added;
  require(it->is_object(), "{}: \"{}\" is no object", where, kMember);
  for (const auto& [key, entry] : it->items()) {
    const std::string place = fmt::format("{}: {}.{}", where, kMember, key);
    int32_t id = 0;
    const auto end = key.data() + key.size();
    const auto [at, error] = std::from_chars(key.data(), end, id);
    require(error == std::errc() && at == end, "{}: \"{}\" is no id", place, key);
    added.push_back(added_token_of(entry, id, place));
  }
  return added;
}

}  // namespace

BpeRules rules_of_folder(const TokenizerTexts& texts, const std::string& folder) {
  const std::string where = name_in(folder, kTokenizerConfig);
  const json config = object_of(texts, folder, kTokenizerConfig);
  BpeRules rules = basic_rules(config, texts, folder);
  refuse_additions(config, where);
  rules.added = added_by(config, where);
  const json older = object_of(texts, folder, kAddedTokens);  // which has no flags
  for (const auto& older_token : older.items()) {
    const auto same = [&](const AddedToken& t) {
      return t.text == older_token.key() && older_token.value() == t.id;
    };
    require(std::ranges::any_of(rules.added, same),
            "{}: \"{}\" is {}, but \"added_tokens_decoder\" in {} has no such token",
            name_in(folder, kAddedTokens), older_token.key(), older_token.value().dump(), where);
  }
  return rules;
}

void check_tokenizer_config(const TokenizerTexts& texts, const std::string& folder,
                            const Tokenizer& tokenizer) {
  const std::string where = name_in(folder, kTokenizerConfig);
  const json config = object_of(texts, folder, kTokenizerConfig);
  refuse_additions(config, where);
  for (const AddedToken& token : added_by(config, where))
    require(token.id < tokenizer.size() && tokenizer.text_of(token.id) == token.text,
            "{}: token {} is \"{}\", but {} in {}", where, token.id, token.text,
            token.id < tokenizer.size() ? fmt::format("\"{}\"", tokenizer.text_of(token.id))
                                        : fmt::format("there are {}", tokenizer.size()),
            kTokenizerJson);
}

}  // namespace omni
