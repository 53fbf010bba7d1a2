// The sentences and words of arithmetic word problems; text/arithmetic.h fills them in.
#pragma once

#include <array>
#include <string_view>
#include <vector>

namespace omni {

// Sentences with the slots {a}, {b} (numbers given), {c} (the answer), {name}, {other} (another
// name), {object}, {place}, {group} and {container}. A short tail follows the answer.
struct ProblemTemplates {
  std::array<std::string_view, 20> train;
  std::array<std::string_view, 10> validation;
};

// In the order of addition, subtraction, multiplication, division. Subtraction: a - b = c;
// division: a / b = c.
const std::array<ProblemTemplates, 4>& problem_templates();

// 290 names, 200 objects (plural), 20 places, 20 groups of people, 20 containers (plural).
struct ProblemWords {
  std::vector<std::string_view> names, objects, places, groups, containers;
};
const ProblemWords& problem_words();

}  // namespace omni
