// Pages of 2 MiB for large blocks of memory.
#pragma once

#include <cstdint>

namespace omni {

// Asks the system to back the whole 2 MiB pages within a block with pages of that size, before the
// block is first written. Rows that are picked from it at random then cost no walk through tables
// of small pages. A block that holds no such page, or a system that does not know the request, is
// left as it is.
void ask_for_huge_pages(void* data, int64_t bytes);

}  // namespace omni
