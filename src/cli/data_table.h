// The state of all data sets as a table.
#pragma once

#include <string>
#include <vector>

#include "data/catalogue.h"

namespace omni::cli {

std::string data_table(const std::vector<DatasetInfo>& sets);

}  // namespace omni::cli
