// What came out of a run, in a screenful.
#pragma once

#include <filesystem>

namespace omni::cli {

// The answer in a sentence, the conditions with means and intervals, the claims with verdicts,
// primary ones first, and where the report is.
// UserError for a folder that holds no run.
void show_results(const std::filesystem::path& run);

}  // namespace omni::cli
