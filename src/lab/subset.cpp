#include "lab/subset.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/nearest.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/random.h"

namespace omni {
namespace {

std::string ending(const std::string& subset) { return subset.substr(subset.rfind('.') + 1); }
bool is_split(const std::string& subset) { return subset.find('.') == std::string::npos; }
// As long as the subset along its first axis.
std::string table_of(const std::string& subset) {
  return is_split(subset) ? subset + ".x" : subset;
}

}  // namespace

std::string split_of(const std::string& subset, const std::vector<std::string>& splits) {
  require(!splits.empty(), "subset '{}': there are no data that it could be of", subset);
  const bool known = !is_split(subset) && std::ranges::find(splits, ending(subset)) != splits.end();
  require(known, "subset '{}': its name must end in .{}, such as forget.{}", subset,
          fmt::join(splits, " or ."), splits.front());
  return ending(subset);
}

int64_t rows_of(const Trial& t, const std::string& subset) {
  const auto it = t.tables().find(table_of(subset));
  if (it == t.tables().end()) {
    std::vector<std::string> known;
    for (const auto& [name, table] : t.tables())
      if (name.ends_with(".x"))
        known.push_back(name.substr(0, name.size() - 2));
      else if (t.tables().contains(ending(name) + ".x"))
        known.push_back(name);
    fail_user("there is no subset '{}', which add_subset() makes{}", subset,
              suggest(subset, known));
  }
  return it->second.type.shape[0];
}

Value subset_rows(Step& s, const std::string& subset, const std::string& what, Value positions) {
  const Value rows = is_split(subset) ? positions : gather(s.table(subset), positions);
  return gather(s.table(ending(subset) + "." + what), rows);
}

Value subset_rows(Step& s, const std::string& subset, const std::string& what) {
  return subset_rows(s, subset, what, s.index());
}

Value random_positions(Step& s, const std::string& subset, const std::string& purpose) {
  const auto count = static_cast<double>(s.table(table_of(subset)).dim(0));
  const Value u = random_uniform(s.key(), convert(s.step(), DType::i32), s.index(), purpose, {});
  // u * count stays below count in f32: u is at most 1 - 2^-24.
  return convert(u * count, DType::i32);
}

}  // namespace omni
