// Subsets of a split: tables of row numbers such as "forget.train", through which a phase reads the
// arrays of that split ("train.x", "train.y"). Trial::add_subset() makes them. A name without a dot
// is a whole split: "train".
#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "lab/trial.h"

namespace omni {

// "train" of "forget.train". UserError unless it is one of `splits`.
std::string split_of(const std::string& subset, const std::vector<std::string>& splits);

// How many rows a subset has. UserError if there is none.
int64_t rows_of(const Trial& t, const std::string& subset);

// Positions of the values that `keep` takes, ascending, at most so many.
std::vector<int32_t> rows_where(const auto& values, const auto& keep,
                                int64_t most = std::numeric_limits<int32_t>::max()) {
  std::vector<int32_t> rows;
  for (size_t i = 0; i < values.size() && std::ssize(rows) < most; ++i)
    if (keep(values[i])) rows.push_back(static_cast<int32_t>(i));
  return rows;
}

// Rows of the array "<split>.<what>" at these positions (i32 [..]) of the subset; without positions
// at those of this batch.
Value subset_rows(Step& s, const std::string& subset, const std::string& what, Value positions);
Value subset_rows(Step& s, const std::string& subset, const std::string& what);

// Positions for a second batch beside the one that a phase visits in order, i32 [batch]: uniform
// over a subset, with replacement, a function of the phase's key, the step and the row's number.
Value random_positions(Step& s, const std::string& subset, const std::string& purpose);

}  // namespace omni
