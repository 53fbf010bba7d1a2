#include "text/choice_items.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "text/lines.h"
#include "text/unicode.h"

namespace omni {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostChoices = 26;  // letters

const Json& member(const Json& object, const char* name, std::string_view where) {
  const auto it = object.find(name);
  require(it != object.end(),
          "{}: \"{}\" is missing; expected {{\"question\": text, \"choices\": [texts], "
          "\"answer\": number}}", where, name);
  return *it;
}

std::string text_of(const Json& value, std::string_view what, std::string_view where) {
  require(value.is_string(), "{}: expected {} to be a text, found {}", where, what, value.dump());
  return value.get<std::string>();
}

ChoiceItem item_of(std::string_view line, const std::string& where) {
  Json object;
  try {
    object = parse_json(line, where);
  } catch (const Json::parse_error& error) {
    fail_user("{}: expected one JSON object per line ({})", where, error.what());
  }
  require(object.is_object(), "{}: expected a JSON object, found {}", where, object.type_name());
  ChoiceItem item;
  item.question = text_of(member(object, "question", where), "\"question\"", where);
  const Json& choices = member(object, "choices", where);
  require(choices.is_array() && choices.size() >= 2 && choices.size() <= kMostChoices,
          "{}: expected \"choices\" to be a list of 2 to {} texts, found {}", where, kMostChoices,
          choices.is_array() ? fmt::format("{}", choices.size()) : choices.dump());
  for (const Json& choice : choices) item.choices.push_back(text_of(choice, "a choice", where));
  const Json& answer = member(object, "answer", where);
  require(answer.is_number_integer() && answer.get<int64_t>() >= 0 &&
              answer.get<int64_t>() < static_cast<int64_t>(choices.size()),
          "{}: expected \"answer\" to be a number from 0 to {}, the right choice's, found {}",
          where, choices.size() - 1, answer.dump());
  item.answer = answer.get<int32_t>();
  return item;
}

}  // namespace

std::vector<ChoiceItem> parse_choice_items(std::string_view text, std::string_view name) {
  require_utf8(text, name);
  std::vector<ChoiceItem> items;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);)
    if (line.find_first_not_of(" \t") != std::string_view::npos)
      items.push_back(item_of(line, fmt::format("{}:{}", name, lines.number())));
  require(!items.empty(), "{}: there are no questions in this file", name);
  return items;
}

std::vector<ChoiceItem> read_choice_items(const std::filesystem::path& path) {
  return parse_choice_items(read_text(path), path.string());
}

std::string lettered_prompt(const ChoiceItem& item) {
  std::string prompt = std::string(stripped(item.question)) + "\n";
  for (size_t i = 0; i < item.choices.size(); ++i)
    prompt += fmt::format("{}. {}\n", static_cast<char>('A' + i), item.choices[i]);
  return prompt + "Answer:";
}

std::string answer_letter(int32_t choice) {
  return {' ', static_cast<char>('A' + choice)};
}

}  // namespace omni
