// A round of a host's loop in which nothing is computed: which programs run how often, what is
// seen, and whether its names are right.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/round_calls.h"

namespace omni {

// What the host's function did in its round number 0 of zeros.
struct DryRound {
  std::map<int, int64_t> runs;       // by program
  std::set<std::string> seen, kept;  // names
  HostState host;                    // after it
};

// Calls it once, on a copy of the phase's state. UserError as of any round.
DryRound dry_round(const Phase& p, const SessionSpec& spec);

}  // namespace omni
