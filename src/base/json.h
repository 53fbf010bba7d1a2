// JSON from files that anybody may have written: what nlohmann's parser accepts but a program would
// stumble over is refused.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace omni {

// The parsed text; `where` is named in errors. Copying and printing a value recurses into what it
// holds, so lists and objects nest at most 64 deep. UserError for a deeper text
// and for a number beyond a double, nlohmann::json::parse_error for no JSON.
nlohmann::json parse_json(std::string_view text, std::string_view where);

// from[name] as an int; get<int>() alone would wrap or convert what does not fit. UserError where
// it is no whole number or beyond an int, nlohmann::json::out_of_range where it is missing.
int int_at(const nlohmann::json& from, const std::string& name, std::string_view where);

}  // namespace omni
