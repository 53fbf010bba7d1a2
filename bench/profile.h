// Where the time of one training step goes, planned step by planned step.
#pragma once

#include <string>
#include <vector>

namespace omni::bench {

std::vector<std::string> profile_names();

// Prints a table on stdout: microseconds per run of each planned step, and its share.
// UserError for an unknown name.
void print_profile(const std::string& name, double seconds);

}  // namespace omni::bench
