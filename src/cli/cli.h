// The whole command line as a function, so that a program of one experiment outside this tree gets
// run, list, report, compare, export, data, doctor, bench and debug as well.
#pragma once

#include <span>
#include <vector>

#include "lab/experiment.h"

namespace omni {

// Runs the command in argv[1..] over the experiments of `catalogue`; returns the exit code:
//   0    done
//   1    a fault of the program, or a self-test that failed
//   2    a fault of the user's, explained on stderr as "omni: error: ..."
//   130  ended by Ctrl-C, 143 by SIGTERM, with finished work kept
// While it runs, SIGPIPE is ignored.
int cli_main(int argc, char** argv, std::span<const Experiment> catalogue);
// The same where making the catalogue may throw: pages are read then.
int cli_main(int argc, char** argv, std::vector<Experiment> (*catalogue)());

}  // namespace omni
