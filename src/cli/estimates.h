// What presets cost, told without computing anything: counts that the build wrote beside the
// program, else ones made once and kept in the cache, times the slowness of runs seen on this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "lab/counts.h"
#include "lab/runner.h"
#include "lab/seen_runs.h"

namespace omni::cli {

// Of every preset of the catalogue, by dry runs on all cores: seconds. `slips`: told what would end
// a run of a preset, were it begun, and each row of an experiment's page that stands for nothing in
// any of its presets.
Counts count_presets(std::span<const Experiment> catalogue,
                     std::vector<std::string>* slips = nullptr);

class Estimates {
 public:
  // Reads what is kept; counts what is not, and keeps it. A cache that holds something else is
  // passed over, one that cannot be written is told once.
  explicit Estimates(const Context& context);

  // What a seed of the preset computes.
  const Counted& counted(const Experiment& e, const Preset& p) const;
  // Of all its seeds with all cores; nothing where it could not be counted.
  std::optional<double> seconds(const Experiment& e, const Preset& p) const;
  int cores() const { return cores_; }
  // Whether any run was seen on this machine.
  bool have_seen_runs() const;

 private:
  std::string machine_;
  int cores_;
  Counts counts_;
  SeenRuns seen_;
};

// What the build kept of it, and earlier runs; of other presets nothing is known.
PresetReads known_reads(const Experiment& e);

// Keeps what a run showed: its slowness, and its count if it is a preset's own.
void remember_run(const Experiment& e, const std::string& preset, bool preset_as_is,
                  const RunOutcome& outcome);

}  // namespace omni::cli
