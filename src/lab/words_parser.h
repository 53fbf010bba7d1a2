// The form of an experiment's page, which lab/words.h describes: what the parser and the words
// themselves share.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "lab/words.h"

namespace omni {

struct WordTableForm {
  const char* heading;             // "Conditions"
  const char* what;                // one of them: "arm"
  size_t least_cells, most_cells;  // of a row, the name included
};
const WordTableForm& form_of(WordTable table);

inline constexpr size_t kPublishedCell = 2;  // of Conditions, behind label and description
std::optional<double> published_value(std::string_view text);

bool is_word_section(std::string_view heading);

// "lr" where a text begins with "{lr}"; empty where it begins with something else.
std::string_view placeholder_at(std::string_view text);

}  // namespace omni
