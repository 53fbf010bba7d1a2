// What came out of a run, in a screenful.
#pragma once

#include <filesystem>

namespace omni::cli {

// The conditions with means and intervals, the claims with verdicts, and where the report is.
// UserError for a folder that holds no run.
void show_results(const std::filesystem::path& run);

}  // namespace omni::cli
