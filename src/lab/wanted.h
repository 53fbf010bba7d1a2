// What presets, and the settings at which claims are judged, say of options: one text as it would
// be typed behind `run NAME`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/options.h"

namespace omni {

struct Wanted {
  std::string key, value;
  bool at_least = false;  // "epochs>=100"
};

// `width=32 rates=1e-3,1e-2 epochs>=100`, with blanks between; a value with blanks stands in double
// quotes, as in text="two words". UserError, naming the author's place, for anything else and for
// an option that is named twice.
std::vector<Wanted> parse_wanted(std::string_view text, const std::string& where);

// Gives the options these values. UserError for unknown names and values that do not fit, and for
// ">=", which sets nothing.
void set_all(OptionList& options, std::string_view text, const std::string& where);

// Empty if all options are so; else the first that is not: "few=false, and it speaks of few=true".
// A list must hold the values, in any order, and a text "a+b" the parts. UserError as set_all(),
// and for ">=" of what is no number.
std::string differs(OptionList& options, std::string_view wanted, const std::string& where);

}  // namespace omni
