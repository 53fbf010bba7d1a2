#include "base/json.h"

#include <limits>

#include "base/error.h"

namespace omni {

using nlohmann::json;

json parse_json(std::string_view text, std::string_view where) try {
  constexpr int kDeepest = 64;
  return json::parse(text, [&](int depth, json::parse_event_t, json&) {
    require(depth <= kDeepest, "{}: lists and objects nest more than {} deep", where, kDeepest);
    return true;
  });
} catch (const json::out_of_range& error) {  // no parse_error, and so easily forgotten
  fail_user("{}: a number is beyond what a double holds ({})", where, error.what());
}

int int_at(const json& from, const std::string& name, std::string_view where) {
  const json& j = from.at(name);
  require(j.is_number(), "{}: '{}' is {}, expected a whole number", where, name, j.type_name());
  using Int = std::numeric_limits<int>;
  const bool fits = j.is_number_unsigned()  ? j.get<uint64_t>() <= uint64_t{Int::max()}
                    : j.is_number_integer() ? j.get<int64_t>() >= Int::min()
                                            : false;
  require(fits, "{}: '{}' is {}, expected a whole number from {} to {}", where, name, j.dump(),
          Int::min(), Int::max());
  return j.get<int>();
}

}  // namespace omni
