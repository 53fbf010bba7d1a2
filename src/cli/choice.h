// From words on the command line and a configuration file to what a run is asked to do.
#pragma once

#include "cli/commands.h"
#include "lab/runner.h"

namespace omni::cli {

struct Chosen {
  const Experiment* experiment;
  RunRequest request;  // without a folder
};

// Reads `choice`: words, then flags, win over the configuration file. Besides options of the
// experiment, words and file may set preset, seeds, models (seeds 0 .. models-1), precision and
// executor.
// UserError for what is wrong with any of it, options and their values included.
Chosen choose(const Context& context, const Choice& choice);

// "Sweep over lr (0, 5): 2 variants", with what else may have been meant by a comma; a line or two,
// or nothing.
std::string sweep_text(const Resolved& resolved, const RunRequest& request);

// Seeds 0 .. n-1 of "models=n". UserError that names `where`.
std::vector<int64_t> seeds_of_models(const std::string& n, const std::string& where);

}  // namespace omni::cli
