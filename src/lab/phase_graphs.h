// What a phase is before any weight is known: its graphs, its sets, its rates, how often each
// program will run, and the form that all of it has. The same in dry runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lab/checkpoint.h"
#include "lab/cost.h"
#include "lab/dry_round.h"
#include "lab/phase.h"
#include "lab/soundness.h"

namespace omni {

// Of all sets of a phase, as it begins. They point into what the phase refers to.
SetSpecs specs_of(const Phase& p);

class PhaseGraphs {
 public:
  // Builds the graphs, and calls a host's function once, dry. UserError for what is missing,
  // contradictory or unsound (soundness.h). The phase must outlive it.
  PhaseGraphs(const Phase& p, const DataTable& tables, OnDivergence on_divergence);

  const SessionSpec& spec() const { return spec_; }
  const std::vector<Turn>& turns() const { return turns_; }
  std::optional<int> probe() const;  // its program, the last one

  int64_t first() const { return p_.from ? p_.from->round : 0; }
  int64_t usual_end() const;  // the round after which it is expected to end
  bool probed_after(int64_t round) const;
  bool kept_after(int64_t round) const;

  // What programs update: sets of Phase::start, and optimisers' states.
  const std::map<std::string, std::vector<ParameterSpec>>& trained() const { return trained_; }
  const std::map<std::string, std::vector<ParameterSpec>>& states() const { return states_; }
  Recipes recipes() const;  // of both
  // As a set begins; null: as zeros.
  const Ensemble* start(const std::string& set) const;

  // What a program's s.lr() reads after so many rounds: in the next one, and for the probe that of
  // the one before, or of a fork's trunk.
  double rate(size_t program, int64_t round) const;
  double latest_rate(size_t program, int64_t round) const;  // in the one before
  ModelStart model_start() const;  // where it is fresh, or goes on from a snapshot

  // How often each graph will run until the usual end, and what that comes to.
  std::vector<std::pair<std::shared_ptr<const Graph>, double>> runs() const;
  void count(Work& work) const;
  double model_epochs() const;  // until the end
  OnDivergence on_divergence() const { return on_divergence_; }
  // Over everything that the outcome depends on but the weights it starts from and reads, and the
  // executor: graphs, numbers, keys, tables; of a host's loop its first state, and the program that
  // has its code.
  uint64_t form(const std::string& numerics) const;
  // With the weights, and what else the run reads.
  uint64_t hash(const std::string& numerics, uint64_t identity) const;

  // Says in an outcome, which may have been on disk, whose it is.
  void name(PhaseResult& r) const;
  // For dry runs: an outcome of the right form, its weights zeros, its measurements zero.
  PhaseResult untrained() const;

 private:
  void add_program(const std::string& name, const PhaseProgram& program, bool is_probe);
  ProgramStart keys_of(size_t program) const;
  void find_sets();
  void find_clocks();
  void find_turns();
  // Runs of a program in the rounds that follow until `end`.
  double runs_of(size_t program, int64_t end) const;
  int64_t runs_before(size_t program) const;

  const Phase& p_;
  const DataTable& tables_;
  const OnDivergence on_divergence_;
  std::vector<const PhaseProgram*> programs_;  // as in spec_; null: the probe
  SessionSpec spec_;
  std::vector<Turn> turns_;
  std::map<std::string, std::vector<ParameterSpec>> trained_, states_;
  std::optional<DryRound> dry_;
};

}  // namespace omni
