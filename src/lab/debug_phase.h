// A phase of several programs taken apart: its rounds on the reference interpreter, call by call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "lab/phase.h"

namespace omni {

// What a round does: a program's run, with its results; what the host feeds, sees, keeps, restores.
struct DebugCall {
  std::string what;  // "run critic", "feed learn.gain", "see return"
  struct Came {
    std::string name;  // of a result; "": of what was fed or seen
    double least, most;
    bool operator==(const Came&) const = default;
  };
  std::vector<Came> came = {};
};

// Calls that follow each other `times` times, or one that is no group.
struct DebugLoop {
  int64_t times = 1;
  std::vector<DebugLoop> body = {};          // empty: it is one call,
  std::vector<const DebugCall*> calls = {};  // each time's
};
// In order, with what repeats itself found. Points into `calls`.
std::vector<DebugLoop> loops_of(const std::vector<DebugCall>& calls);

struct DebugRound {
  int64_t round = 0, rounds = 0;      // its number from 1, and of how many
  int64_t first = 0;                  // that was taken
  std::vector<DebugCall> calls = {};  // of that round
  std::string broke = {};             // the program that gave a value that is no finite f32
  // Of a host's loop: whether a round was called again, and what check_repeats() said.
  bool called_again = false;
  std::string repeats = {};
  // By program: what it read at its first run of its last round, or where it broke; but tables.
  struct Run {
    int64_t round = 0;
    RefInputs inputs = {};
  };
  std::map<std::string, Run> runs = {};
};

// The phase on few rows: what is to be given as sets and may be cut in batches.
struct SmallPhase {
  Phase phase;
  std::map<std::string, std::unique_ptr<Ensemble>> drawn = {};  // that it reads in place of others
};
// With batches of so many rows, of the first samples, where programs allow that: not those that a
// host feeds, or whose results of more than one number it may read. Without probe, stop rule and
// snapshots. With `draw`, weights are drawn from it, for each set others, and states begin as
// zeros.
SmallPhase small_phase(const Phase& p, const PhaseGraphs& graphs, int64_t rows,
                       const std::optional<Key>& draw);

// Its next `rounds` rounds, or fewer if it ends, or a value is no finite f32. UserError for what a
// host's function does wrong.
DebugRound trace_rounds(const Phase& p, const DataTable& tables, int rounds);

}  // namespace omni
