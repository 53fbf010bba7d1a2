// Tables of plain text, for the screen and for reports.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

// Characters that `text` takes on a line: UTF-8 sequences count once.
size_t width_of(std::string_view text);

// Columns as wide as their widest cell; the first row is the heading. `right`: the columns that are
// aligned to the right.
std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<size_t>& right = {}, size_t indent = 0);

}  // namespace omni
