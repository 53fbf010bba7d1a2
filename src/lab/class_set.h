// Sets of classes as the text of an option: "5-9", "0+3+7", "0-2+8". Commas do as well, but on the
// command line they would make a sweep: forget=5-9,2-9 is a run with each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

// The classes that a text names, ascending and each once: numbers and ranges joined by + or commas,
// all in 0..classes-1. Throws UserError that names `option` (where the text was given) for anything
// else, and for a text that names nothing.
std::vector<int32_t> parse_classes(std::string_view text, std::string_view option,
                                   int64_t classes = 10);

// The other ones of 0..classes-1, ascending.
std::vector<int32_t> other_classes(const std::vector<int32_t>& set, int64_t classes = 10);

// Whether a label is one of them.
std::function<bool(int32_t)> one_of_classes(std::vector<int32_t> set);

// The shortest text that parse_classes reads as this set, which must be ascending: "0-2+8".
std::string classes_text(const std::vector<int32_t>& set);

}  // namespace omni
