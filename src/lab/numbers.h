// Numbers as people type them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace omni {

// "0.001", "+0.001", ".001", "1E-3"; in any language of the system with a point. False for anything
// else, and for what no double holds. The zeros of both signs are one.
bool parse_number(std::string_view text, double& out);
// The same for whole numbers, which may be typed as 1e6 or 2.0 but have no fraction.
bool parse_integer(std::string_view text, int64_t& out);

// How to write what was most likely meant by a text that is no number: "; a fraction is written
// with a point: 0.001". Empty where nobody knows.
std::string number_hint(std::string_view text);

// Whether "0" and "001", typed with a comma between, can only be a fraction that was typed with
// one.
bool is_fraction_cut_by_comma(std::string_view whole, std::string_view rest);

}  // namespace omni
