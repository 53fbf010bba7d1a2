#include "text/bpe_parts.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_letters.h"
#include "text/unicode.h"

namespace omni {
namespace {

using nlohmann::json;

int64_t line_of(std::string_view text, size_t byte) {
  return 1 + std::count(text.begin(),
                        text.begin() + static_cast<ptrdiff_t>(std::min(byte, text.size())), '\n');
}

// The names of tokens by id, those of the vocabulary and then those that are added to it.
class Names {
 public:
  Names(const BpeParts& parts) : where_(parts.vocab_name) {
    require(parts.vocab.is_object(), "{}: expected an object {{\"token\": id}}, found {}", where_,
            parts.vocab.type_name());
    size_t count = parts.vocab.size();
    std::map<std::string_view, int32_t> added;
    for (const AddedToken& token : parts.rules.added) {
      require(added.emplace(token.text, token.id).second, "{}: the token \"{}\" is added twice",
              where_, token.text);
      count += !parts.vocab.contains(token.text);
    }
    names_.resize(count);
    for (const auto& [token, id] : parts.vocab.items()) {
      if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
          id.get<int64_t>() >= static_cast<int64_t>(count))
        fail_user("{}: expected ids from 0 to {}, one for each token, but \"{}\" has {}", where_,
                  count - 1, token, id.dump());
      put(token, id.get<int32_t>());
    }
    for (const auto& [token, id] : added) {
      require(id < static_cast<int64_t>(count),
              "{}: expected ids from 0 to {}, one for each token, but the added \"{}\" has {}",
              where_, count - 1, token, id);
      if (!parts.vocab.contains(token))
        put(std::string(token), id);
      else
        require(names_[static_cast<size_t>(id)] == token,
                "{}: \"{}\" has the id {} in the vocabulary and {} among the added tokens", where_,
                token, parts.vocab.at(std::string(token)).dump(), id);
    }
  }

  const std::vector<std::string>& all() const { return names_; }

 private:
  void put(const std::string& token, int32_t id) {
    std::string& place = names_[static_cast<size_t>(id)];
    require(place.empty(), "{}: \"{}\" and \"{}\" both have the id {}", where_, place, token, id);
    require(!token.empty(), "{}: the token with id {} is empty", where_, id);
    place = token;
  }

  const std::string& where_;
  std::vector<std::string> names_;
};

Vocabulary vocabulary_of(const BpeParts& parts) {
  std::vector<std::string> texts = Names(parts).all();
  std::vector<bool> is_added(texts.size());
  std::vector<int32_t> added;
  for (const AddedToken& token : parts.rules.added) {
    is_added[static_cast<size_t>(token.id)] = true;
    added.push_back(token.id);
  }
  for (size_t id = 0; id < texts.size(); ++id) {
    if (is_added[id]) continue;  // stands as it is
    std::optional<std::string> bytes = bytes_of_letters(texts[id]);
    require(bytes.has_value(),
            "{}: \"{}\" holds a character that stands for no byte; is it a byte-level vocabulary?",
            parts.vocab_name, texts[id]);
    texts[id] = std::move(*bytes);
  }
  std::vector<std::string> specials = {std::string(kEndOfText)};
  for (const AddedToken& token : parts.rules.added)
    if (token.special && token.text != kEndOfText) specials.push_back(token.text);
  require(std::ranges::find(texts, kEndOfText) != texts.end(),
          "{}: there is no token {}, which stands between texts; add it as the last id",
          parts.vocab_name, kEndOfText);
  Vocabulary vocabulary(std::move(texts), std::move(specials), added);
  for (const uint8_t byte : bytes_in_letter_order()) {
    const std::string text(1, static_cast<char>(byte));
    require(vocabulary.find(text).has_value(),
            "{}: there is no token \"{}\" for the byte 0x{:02x}; a byte-level vocabulary has all "
            "256",
            parts.vocab_name, letters_of(text), byte);
  }
  return vocabulary;
}

// The id of a token in letters; of those that were added none takes part in a merge.
int32_t token_of(const BpeParts& parts, const Vocabulary& vocabulary, const std::string& letters,
                 int64_t place) {
  const std::optional<std::string> bytes = bytes_of_letters(letters);
  const std::optional<int32_t> id = bytes ? vocabulary.find(*bytes) : std::nullopt;
  require(id.has_value() && parts.vocab.contains(letters),
          "{}{}: \"{}\" is not in the vocabulary; merges and vocabulary do not belong together",
          parts.merges_place, place, letters);
  return *id;
}

}  // namespace

BpeTokenizer bpe_of(BpeParts parts) {
  Vocabulary vocabulary = vocabulary_of(parts);
  std::vector<Merge> merges;
  for (const BpeParts::Pair& pair : parts.merges) {
    token_of(parts, vocabulary, pair.left + pair.right, pair.place);
    merges.push_back({token_of(parts, vocabulary, pair.left, pair.place),
                      token_of(parts, vocabulary, pair.right, pair.place)});
  }
  return BpeTokenizer(std::move(vocabulary), std::move(merges), std::move(parts.rules));
}

json parse_json_lines(std::string_view text, std::string_view name) {
  require_utf8(text, name);
  try {
    return parse_json(text, name);
  } catch (const json::parse_error& error) {
    fail_user("{}:{}: not JSON ({}); is the file complete?", name, line_of(text, error.byte),
              error.what());
  }
}

AddedToken added_token_of(const json& entry, int64_t id, const std::string& where) {
  require(entry.is_object() && entry.contains("content") && entry["content"].is_string() &&
              !entry["content"].get<std::string>().empty(),
          "{}: expected an object with the token's \"content\", found {}", where, entry.dump());
  require(id >= 0 && id <= INT32_MAX, "{}: an id of {}", where, id);
  const auto flag = [&](const char* name, bool otherwise) {
    const auto it = entry.find(name);
    if (it == entry.end() || it->is_null()) return otherwise;
    require(it->is_boolean(), "{}: \"{}\" is {}, expected true or false", where, name, it->dump());
    return it->get<bool>();
  };
  AddedToken token;
  token.text = entry["content"].get<std::string>();
  token.id = static_cast<int32_t>(id);
  token.special = flag("special", false);
  token.normalized = flag("normalized", !token.special);
  token.eats_left = flag("lstrip", false);
  token.eats_right = flag("rstrip", false);
  require(token.special || !flag("single_word", false),
          "{}: \"single_word\" of \"{}\" is true, which is not supported", where, token.text);
  return token;
}

}  // namespace omni
